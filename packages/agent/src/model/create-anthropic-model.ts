import Anthropic from '@anthropic-ai/sdk'
import { DevBotError } from '@devbot/contracts'
import { contextWindowOf } from '../context/context-window.ts'
import { withoutThinking } from '../foreign-thinking.ts'
import type { ModelClient, ModelReply, ModelRequest, ModelUsage } from '../model-client.ts'
import type { PriceTable } from '../price-table.ts'
import { createReplyCollector } from './collect-reply.ts'
import { parseCustomHeaders } from './custom-headers.ts'
import { type Effort, factsOf } from './model-facts.ts'
import { requestBody } from './request-body.ts'
import { DEFAULT_RETRY, type RetryPolicy, retryDelayMs } from './retry-delay.ts'
import { cancelled, createSharedPause, type PauseElsewhere, pauseFor, type SharedPause } from './shared-pause.ts'
import { translateModelError } from './translate-error.ts'
import { createWatchedFetch } from './watched-fetch.ts'

export type AnthropicModelOptions = {
  /** Read anew for every attempt, so that a rotated key is taken up. */
  readonly apiKey: () => string
  /** `key` is the vendor's kind; `token` goes as a bearer token alone, as gateways want it. Default `key`. */
  readonly auth?: 'key' | 'token' | undefined
  /** The vendor's endpoint when absent. */
  readonly baseUrl?: string | undefined
  /** More headers, as lines `Name: value`; read anew for every attempt. */
  readonly headers?: (() => string) | undefined
  /** How requests are sent; Node's own when absent. */
  readonly fetch?: typeof globalThis.fetch | undefined
  readonly model: string
  /** Ceiling of one reply, thinking included. Default 32,000: a long file in one call, a quarter of what the models give. */
  readonly maxOutputTokens?: number | undefined
  /** How thoroughly the model works; its own default when absent. */
  readonly effort?: Effort | undefined
  /** `off`: as little as the model allows. Its own way when absent. */
  readonly thinking?: 'adaptive' | 'off' | undefined
  readonly prices?: PriceTable | undefined
  /** How long the endpoint may stay silent, pings counted as a sign of life. Default 120,000. */
  readonly idleTimeoutMs?: number | undefined
  readonly retry?: Partial<RetryPolicy> | undefined
  /** Shares with other processes what is learnt of the endpoint's limits; kept to this one when absent. */
  readonly pauseElsewhere?: PauseElsewhere | undefined
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
 *
 * All runs that use one client share what one of them learns: while the endpoint wants to be left alone, none asks.
 */
export function createAnthropicModel(options: AnthropicModelOptions): ModelClient {
  const policy = { ...DEFAULT_RETRY, ...options.retry }
  const random = options.random ?? Math.random
  const pause = createSharedPause(random, options.pauseElsewhere)

  return {
    model: options.model,
    maxOutputTokens: ceilingOf(options),
    prices: options.prices,
    async ask(request) {
      let keyWasRefused = false
      for (let attempt = 1; ; attempt += 1) {
        await untilAsked(pause, policy, request)
        const key = usableKey(options.apiKey())
        const result = await attemptOnce(request, options, key)
        if (result.kind === 'reply') return result.reply

        const { error, usage } = result
        // A key that was replaced meanwhile is worth one more question, at once.
        const rotated = error.code === 'model-key-refused' && !keyWasRefused && options.apiKey() !== key
        keyWasRefused ||= error.code === 'model-key-refused'
        const delayMs = rotated ? 0 : nextDelayMs(error, attempt)
        pause.learn(error, delayMs ?? error.retryAfterMs ?? 0)
        await request.onFailedAttempt?.({
          code: error.code,
          ...(usage === undefined ? {} : { usage }),
          ...(delayMs === undefined ? {} : { retryInMs: delayMs }),
        })
        if (request.signal.aborted) throw cancelled()
        if (delayMs === undefined) throw error
        await pauseFor(delayMs, request.signal)
      }
    },
  }

  function nextDelayMs(error: DevBotError, attempt: number): number | undefined {
    return error.category === 'cancelled' ? undefined : retryDelayMs(error, attempt, policy, random())
  }
}

/** Waits while another run's answer says to, and tells the run why. */
function untilAsked(pause: SharedPause, policy: RetryPolicy, request: ModelRequest): Promise<void> {
  return pause.wait({
    maxWaitMs: policy.maxRetryAfterMs,
    spreadMs: policy.baseDelayMs,
    signal: request.signal,
    onWait: (code, retryInMs) => request.onFailedAttempt?.({ code, retryInMs }),
  })
}

function ceilingOf({ model, maxOutputTokens = DEFAULT_MAX_OUTPUT_TOKENS }: AnthropicModelOptions): number {
  return Math.min(maxOutputTokens, factsOf(model).maxOutputTokens)
}

type Attempt =
  | { readonly kind: 'reply'; readonly reply: ModelReply }
  | { readonly kind: 'failed'; readonly error: DevBotError; readonly usage: ModelUsage | undefined }

async function attemptOnce(request: ModelRequest, options: AnthropicModelOptions, key: string): Promise<Attempt> {
  const { model, effort, thinking } = options
  const ceiling = ceilingOf(options)
  const maxOutputTokens = Math.min(request.maxOutputTokens ?? ceiling, ceiling)
  const idleTimeoutMs = options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS
  const messages = withoutThinking(request.messages, (thinker) => thinker !== undefined && thinker !== model)
  const body = requestBody({ ...request, messages }, { model, maxOutputTokens, effort, thinking })
  const requestBytes = Buffer.byteLength(JSON.stringify(body))
  const collector = createReplyCollector({ requestBytes, maxOutputTokens })
  const { signal } = request
  const watched = createWatchedFetch({ idleTimeoutMs, signal, fetch: options.fetch ?? globalThis.fetch })
  try {
    const client = createClient(options, key, watched.fetch)
    // The SDK's own timeout ends only the wait for headers; ours is shorter and covers the body too.
    const stream = await client.messages.create(body, { signal: watched.signal, timeout: idleTimeoutMs + 10_000 })
    for await (const event of stream) collector.take(event)
    return { kind: 'reply', reply: collector.finish() }
  } catch (error) {
    const asked = { bytes: requestBytes, windowTokens: contextWindowOf(model) }
    const known = signal.aborted ? cancelled() : (watched.trouble() ?? translateModelError(error, asked))
    return { kind: 'failed', error: known, usage: collector.usageSoFar() }
  } finally {
    watched.stop()
  }
}

/**
 * A client per attempt costs nothing: connections are pooled below it. Of the environment it reads only
 * ANTHROPIC_CUSTOM_HEADERS, which the operator's settings have checked and give here again.
 */
function createClient(options: AnthropicModelOptions, key: string, fetch: typeof globalThis.fetch): Anthropic {
  const baseUrl = options.baseUrl ?? VENDOR_URL
  // The vendor takes a key as its SDK sends it, as a bearer token. Gateways look here or there: they get both.
  const elsewhere = new URL(baseUrl).origin !== VENDOR_URL && options.auth !== 'token'
  return new Anthropic({
    ...(options.auth === 'token' ? { authToken: key } : { apiKey: key }),
    baseURL: baseUrl,
    defaultHeaders: {
      ...(elsewhere ? { 'x-api-key': key } : {}),
      ...parseCustomHeaders(options.headers?.() ?? ''),
    },
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
      'Expected ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN to be one word of printable ASCII characters; found it empty or with others in it.',
  })
}
