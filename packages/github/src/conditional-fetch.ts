/** Answers kept, all together: a pull request's lists are some hundred KB, so this is hundreds of them. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024
/** A larger answer is asked for anew each time. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024

type Kept = { readonly etag: string; readonly headers: Headers; readonly body: ArrayBuffer }

/**
 * A `fetch` that asks again with the tag of the answer it has, and gives that answer when GitHub says that nothing
 * changed: such a question costs nothing of the rate limit. The caller sees a plain 200. What was used longest ago makes
 * room for what is new.
 */
export function conditionalFetch(send: typeof fetch): typeof fetch {
  const kept = new Map<string, Kept>()
  let keptBytes = 0
  const forget = (key: string) => {
    keptBytes -= kept.get(key)?.body.byteLength ?? 0
    kept.delete(key)
  }
  const keep = (key: string, answer: Kept) => {
    forget(key)
    kept.set(key, answer)
    keptBytes += answer.body.byteLength
    for (const oldest of kept.keys()) {
      if (keptBytes <= MAX_KEPT_BYTES) break
      forget(oldest)
    }
  }

  return async (input, init) => {
    const headers = new Headers(init?.headers)
    const url = input instanceof Request ? input.url : String(input)
    if ((init?.method ?? 'GET') !== 'GET' || headers.has('if-none-match')) return send(input, init)
    const key = `${headers.get('accept') ?? ''} ${url}`
    const known = kept.get(key)
    if (known !== undefined) headers.set('if-none-match', known.etag)
    const response = await send(input, { ...init, headers })
    if (response.status === 304 && known !== undefined) {
      // What the newer answer says of itself (rate limit, time) counts; the content is the one that was kept.
      const merged = new Headers(known.headers)
      for (const [name, value] of response.headers) if (name !== 'content-length') merged.set(name, value)
      keep(key, known)
      return new Response(known.body.slice(0), { status: 200, headers: merged })
    }
    const etag = response.headers.get('etag')
    if (response.status !== 200 || etag === null) {
      if (response.status !== 304) forget(key)
      return response
    }
    const body = await response.arrayBuffer()
    const isKept = body.byteLength <= MAX_ANSWER_BYTES && !mayGrowUnseen(url, response.headers, body)
    if (isKept) keep(key, { etag, headers: new Headers(response.headers), body })
    else forget(key)
    return new Response(body.slice(0), { status: 200, headers: response.headers })
  }
}

/**
 * Whether it is a full last page: when a row comes after it, it is itself unchanged, and only its missing link said that
 * there is no other page.
 */
function mayGrowUnseen(url: string, headers: Headers, body: ArrayBuffer): boolean {
  const perPage = URL.canParse(url) ? new URL(url).searchParams.get('per_page') : null
  if (perPage === null || /rel="next"/.test(headers.get('link') ?? '')) return false
  const rows = rowsIn(body)
  return rows === undefined || rows >= Number(perPage)
}

/** Undefined for what is no list, or no JSON: the caller of `fetch` says what it makes of that. */
function rowsIn(body: ArrayBuffer): number | undefined {
  try {
    const rows: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    return Array.isArray(rows) ? rows.length : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
