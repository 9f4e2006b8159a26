import { createHash } from 'node:crypto'
import { blocksOf, type MessagesRequest } from './request.ts'

/** One block of the prompt in the order in which the API reads it: tools, system, messages. */
export type PromptBlock = {
  /** Index into `messages`; absent for tools and system. */
  readonly message?: number
  /** Identifies everything up to and including this block, breakpoints apart. */
  readonly prefixHash: string
  /** Estimated tokens up to and including this block. */
  readonly tokensSoFar: number
  readonly breakpoint?: '5m' | '1h'
}

type Part = { readonly message?: number; readonly role: string; readonly value: object }

/**
 * A request as a list of blocks, each with the hash of the whole prefix it ends. Two requests share a prefix exactly
 * as far as their hashes agree.
 * Source of the order and of what invalidates what: build-with-claude/prompt-caching.
 */
export function promptBlocks(request: MessagesRequest): readonly PromptBlock[] {
  let prefixHash = hashOf('', request.model)
  let tokensSoFar = 0
  let inMessages = false
  return partsOf(request).map(({ message, role, value }) => {
    if (message !== undefined && !inMessages) {
      inMessages = true
      // Another tool choice or thinking setting leaves tools and system cached, but not the messages.
      prefixHash = hashOf(prefixHash, JSON.stringify([request.tool_choice, request.thinking]))
    }
    const { cache_control: mark, ...content } = value as {
      readonly cache_control?: { readonly ttl?: '5m' | '1h' } | null
    }
    const text = JSON.stringify(content)
    prefixHash = hashOf(prefixHash, `${role}\n${text}`)
    tokensSoFar += estimateTokens(text)
    return {
      ...(message === undefined ? {} : { message }),
      prefixHash,
      tokensSoFar,
      ...(mark ? { breakpoint: mark.ttl ?? '5m' } : {}),
    }
  })
}

function partsOf(request: MessagesRequest): readonly Part[] {
  const system = typeof request.system === 'string' ? [{ type: 'text', text: request.system }] : (request.system ?? [])
  return [
    ...(request.tools ?? []).map((value) => ({ role: 'tool', value })),
    ...system.map((value) => ({ role: 'system', value })),
    ...request.messages.flatMap(({ role, content }, message) =>
      blocksOf(content).map((value) => ({ message, role, value })),
    ),
  ]
}

/** Tokens of a text, estimated: the API's own counter is not public. 3.5 bytes a token fits source code and prose. */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 3.5)
}

function hashOf(previous: string, text: string): string {
  return createHash('sha256').update(previous).update('\0').update(text).digest('hex').slice(0, 32)
}
