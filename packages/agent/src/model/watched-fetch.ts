import { DevBotError } from '@devbot/contracts'

/**
 * A reply of the largest output (128K tokens) is a few megabytes of events; a stream longer than this is no reply.
 */
const MAX_REPLY_BYTES = 64 * 1024 * 1024
/** The API's refusals have some hundred bytes, a gateway's page some thousand. */
const MAX_REFUSAL_BYTES = 1024 * 1024

/**
 * A `fetch` for one request that ends it when nothing arrives for `idleTimeoutMs` or far too much does. Every byte
 * counts as a sign of life, the API's pings included, which the SDK does not pass on. Redirects are refused: they would
 * carry the key to another host. `trouble()` tells afterwards why it was ended.
 */
export function createWatchedFetch(options: {
  readonly idleTimeoutMs: number
  readonly signal: AbortSignal
  readonly fetch: typeof globalThis.fetch
}) {
  const controller = new AbortController()
  let trouble: DevBotError | undefined
  let timer: NodeJS.Timeout | undefined
  const end = (error: DevBotError) => {
    trouble ??= error
    controller.abort()
  }
  const restart = () => {
    clearTimeout(timer)
    timer = setTimeout(() => end(silentStream(options.idleTimeoutMs)), options.idleTimeoutMs)
  }

  let bytes = 0
  const watch = () =>
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, stream) {
        restart()
        bytes += chunk.byteLength
        if (bytes > MAX_REPLY_BYTES) end(endlessStream())
        else stream.enqueue(chunk)
      },
    })

  return {
    signal: AbortSignal.any([options.signal, controller.signal]),
    trouble: () => trouble,
    async fetch(url: string | URL | Request, init?: RequestInit): Promise<Response> {
      restart()
      const response = await options.fetch(url, { ...init, redirect: 'error' })
      if (!response.ok && response.body !== null) {
        clearTimeout(timer)
        return new Response(await readRefusal(response, options.idleTimeoutMs), response)
      }
      return response.body === null ? response : new Response(response.body.pipeThrough(watch()), response)
    },
    /** Also lets go of an answer that was not read to its end. */
    stop: () => {
      clearTimeout(timer)
      controller.abort()
    },
  }
}

/**
 * What came of a refusal's body in the time: its status says enough, so a connection that breaks or falls silent after it
 * does not hide it.
 */
async function readRefusal(response: Response, timeoutMs: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  const read = async () => {
    let bytes = 0
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk)
      bytes += chunk.byteLength
      if (bytes > MAX_REFUSAL_BYTES) return
    }
  }
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, timeoutMs)
  // A body that breaks off is as good as a short one.
  await Promise.race([read().catch(() => undefined), late.promise])
  clearTimeout(timer)
  return Buffer.concat(chunks)
}

function silentStream(idleTimeoutMs: number): DevBotError {
  return new DevBotError({
    category: 'transient',
    code: 'model-stream-silent',
    message: `The model's endpoint sent nothing for ${Math.round(idleTimeoutMs / 1000)} s; the call is repeated.`,
  })
}

function endlessStream(): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'model-reply-too-large',
    message: `The model's endpoint sent more than ${MAX_REPLY_BYTES} bytes for one reply. Check ANTHROPIC_BASE_URL.`,
  })
}
