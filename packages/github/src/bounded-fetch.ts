export type AnswerLimits = {
  /** For the whole exchange, the last byte of the answer included. */
  readonly timeoutMs: number
  readonly maxAnswerBytes: number
}

/**
 * A `fetch` whose whole answer arrives within the time and the size, or which fails like a broken connection. Octokit
 * itself has no deadline, and takes an answer that breaks off in the middle for an empty one. The caller's signal keeps a
 * request from being sent; one that is under way is waited for, because only its answer says what was done.
 */
export function boundedFetch(limits: AnswerLimits): typeof fetch {
  return async (input, init) => {
    init?.signal?.throwIfAborted()
    const response = await fetch(input, { ...init, signal: AbortSignal.timeout(limits.timeoutMs) })
    const { status, statusText, headers } = response
    const reading = response.body === null ? null : readBounded(response.body, limits.maxAnswerBytes)
    // A refusal says enough by its status: a connection that breaks after it does not hide it.
    const body = response.ok ? await reading : await reading?.catch(() => null)
    return new Response(isWithoutBody(status) ? null : (body ?? null), { status, statusText, headers })
  }
}

async function readBounded(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new RangeError(`expected an answer of at most ${maxBytes} bytes, more came`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Statuses for which `new Response` refuses a body. */
function isWithoutBody(status: number): boolean {
  return status === 204 || status === 205 || status === 304
}
