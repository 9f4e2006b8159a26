import { setTimeout as sleep } from 'node:timers/promises'
import Anthropic from '@anthropic-ai/sdk'
import { DevBotError } from '@devbot/contracts'
import type { ModelClient, ModelReply, ModelRequest, ModelUsage } from '../model-client.ts'
import { createReplyCollector } from './collect-reply.ts'
import { type Effort, requestBody } from './request-body.ts'
import { DEFAULT_RETRY, type RetryPolicy, retryDelayMs } from './retry-delay.ts'
import { translateModelError } from './translate-error.ts'
import { createWatchedFetch } from './watched-fetch.ts'

export type AnthropicModelOptions = {
  /** Read anew for every attempt, so that a rotated key is taken up. */
  readonly apiKey: () => string
  /** The vendor's endpoint when absent. */
  readonly baseUrl?: string | undefined
  readonly model: string
  /** Ceiling of one reply, thinking included. Default 32,000: a long file in one call, a quarter of what the models give. */
  readonly maxOutputTokens?: number | undefined
  /** How thoroughly the model works; its own default when absent. */
  readonly effort?: Effort | undefined
  /** How long the endpoint may stay silent, pings counted as a sign of life. Default 120,000. */
  readonly idleTimeoutMs?: number | undefined
  readonly retry?: Partial<RetryPolicy> | undefined
  /** A number in 0..1 that spreads the waits; `Math.random` by default. */
  readonly random?: (() => number) | undefined
}

const VENDOR_URL = 'https://api.anthropic.com'
const DEFAULT_MAX_OUTPUT_TOKENS = 32_000
/** The API pings every few seconds while a model thinks; two silent minutes mean a dead connection. */
const DEFAULT_IDLE_TIMEOUT_MS = 120_000

/**
 * The model over the Messages API. Throws `DevBotError`: transient (after its own limited retries, with `retryAfterMs`
 * where the endpoint asked for a wait), permission (key, access, spend limit), config (no such model), invalid-input
 * (a request the API refuses), cancelled (the signal). The key is in no error and no log.
 */
export function createAnthropicModel(options: AnthropicModelOptions): ModelClient {
  const policy = { ...DEFAULT_RETRY, ...options.retry }
  const random = options.random ?? Math.random

  return {
    model: options.model,
    maxOutputTokens: options.maxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS,
    async ask(request) {
      for (let attempt = 1; ; attempt += 1) {
        const result = await attemptOnce(request, options)
        if (result.kind === 'reply') return result.reply
        const { error, usage } = result
        const delayMs = request.signal.aborted ? undefined : retryDelayMs(error, attempt, policy, random())
        await request.onFailedAttempt?.({
          code: error.code,
          ...(usage === undefined ? {} : { usage }),
          ...(delayMs === undefined ? {} : { retryInMs: delayMs }),
        })
        if (delayMs === undefined) throw error
        await pause(delayMs, request.signal)
      }
    },
  }
}

type Attempt =
  | { readonly kind: 'reply'; readonly reply: ModelReply }
  | { readonly kind: 'failed'; readonly error: DevBotError; readonly usage: ModelUsage | undefined }

async function attemptOnce(request: ModelRequest, options: AnthropicModelOptions): Promise<Attempt> {
  const ceiling = options.maxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS
  const maxOutputTokens = Math.min(request.maxOutputTokens ?? ceiling, ceiling)
  const idleTimeoutMs = options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS
  const body = requestBody(request, { model: options.model, maxOutputTokens, effort: options.effort })
  const collector = createReplyCollector({ requestBytes: Buffer.byteLength(JSON.stringify(body)), maxOutputTokens })
  const watched = createWatchedFetch({ idleTimeoutMs, signal: request.signal })
  const client = createClient(options, watched.fetch)
  try {
    // The SDK's own timeout ends only the wait for headers; ours is shorter and covers the body too.
    const stream = await client.messages.create(body, { signal: watched.signal, timeout: idleTimeoutMs + 10_000 })
    for await (const event of stream) collector.take(event)
    return { kind: 'reply', reply: collector.finish() }
  } catch (error) {
    const known = request.signal.aborted ? cancelled() : (watched.trouble() ?? translateModelError(error))
    return { kind: 'failed', error: known, usage: collector.usageSoFar() }
  } finally {
    watched.stop()
  }
}

/** A client per attempt costs nothing (connections are pooled below it) and reads nothing from the environment. */
function createClient(options: AnthropicModelOptions, fetch: typeof globalThis.fetch): Anthropic {
  return new Anthropic({
    apiKey: usableKey(options.apiKey()),
    baseURL: options.baseUrl ?? VENDOR_URL,
    webhookKey: null,
    fetch,
    maxRetries: 0,
    // The SDK would log whole events and headers.
    logLevel: 'off',
    openTelemetry: false,
  })
}

/** A header cannot carry anything else, and the error that says so would quote the key. */
function usableKey(key: string): string {
  if (/^[\x21-\x7e]+$/.test(key)) return key
  throw new DevBotError({
    category: 'config',
    code: 'model-key-malformed',
    message:
      'Expected ANTHROPIC_API_KEY to be one word of printable ASCII characters; found it empty or with others in it.',
  })
}

async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(delayMs, undefined, { signal })
  } catch {
    // The only reason for a sleep to fail is its signal.
    throw cancelled()
  }
}

function cancelled(): DevBotError {
  return new DevBotError({
    category: 'cancelled',
    code: 'model-call-cancelled',
    message: 'The call to the model was cancelled.',
  })
}
