import type { PromptBlock } from './prompt-blocks.ts'

/** Shorter prefixes are silently not cached. Source: build-with-claude/prompt-caching, 1,024 tokens on Sonnet 5. */
const MIN_CACHED_TOKENS = 1024
/** Blocks before a breakpoint in which an earlier entry is looked for. Source: as above, "20 block lookback window". */
const LOOKBACK_BLOCKS = 20
const TTL_MS = { '5m': 5 * 60_000, '1h': 60 * 60_000 } as const
/** Entries kept; at two or three a request this is thousands of requests. The oldest go first. */
const MAX_ENTRIES = 10_000

export type CachedInput = {
  readonly inputTokens: number
  readonly readTokens: number
  readonly written: { readonly '5m': number; readonly '1h': number }
}

export type PromptCache = {
  /** Looks the request up, stores what it marks, and says how its input is billed. */
  readonly bill: (blocks: readonly PromptBlock[], automatic?: '5m' | '1h') => CachedInput
}

/** A prompt cache that behaves as the API's: entries are made at breakpoints only, found by whole prefix, and expire. */
export function createPromptCache(nowMs: () => number): PromptCache {
  const expiries = new Map<string, { readonly ttlMs: number; readonly atMs: number }>()

  const store = (hash: string, ttlMs: number) => {
    expiries.delete(hash)
    expiries.set(hash, { ttlMs, atMs: nowMs() + ttlMs })
    const oldest = expiries.size > MAX_ENTRIES ? expiries.keys().next().value : undefined
    if (oldest !== undefined) expiries.delete(oldest)
  }
  const hit = (block: PromptBlock): boolean => {
    const entry = expiries.get(block.prefixHash)
    return entry !== undefined && entry.atMs > nowMs()
  }

  return {
    bill: (blocks, automatic) => {
      const marks = marksOf(blocks, automatic)
      const found = marks
        .flatMap(({ index }) => blocks.slice(Math.max(0, index - LOOKBACK_BLOCKS), index + 1).filter(hit))
        .sort((a, b) => b.tokensSoFar - a.tokensSoFar)[0]
      const entry = found === undefined ? undefined : expiries.get(found.prefixHash)
      if (found !== undefined && entry !== undefined) store(found.prefixHash, entry.ttlMs)

      const written = { '5m': 0, '1h': 0 }
      let billedUpTo = found?.tokensSoFar ?? 0
      for (const { block, ttl } of marks) {
        if (block.tokensSoFar < MIN_CACHED_TOKENS) continue
        store(block.prefixHash, TTL_MS[ttl])
        written[ttl] += Math.max(0, block.tokensSoFar - billedUpTo)
        billedUpTo = Math.max(billedUpTo, block.tokensSoFar)
      }
      return {
        inputTokens: (blocks.at(-1)?.tokensSoFar ?? 0) - billedUpTo,
        readTokens: found?.tokensSoFar ?? 0,
        written,
      }
    },
  }
}

type Mark = { readonly index: number; readonly block: PromptBlock; readonly ttl: '5m' | '1h' }

function marksOf(blocks: readonly PromptBlock[], automatic: '5m' | '1h' | undefined): readonly Mark[] {
  return blocks.flatMap((block, index) => {
    const ttl = block.breakpoint ?? (index === blocks.length - 1 ? automatic : undefined)
    return ttl === undefined ? [] : [{ index, block, ttl }]
  })
}
