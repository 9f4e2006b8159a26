import { isIP } from 'node:net'

export type ProxySettings = {
  /** Proxy for an https endpoint, `http://user:password@host:port`. */
  readonly httpsProxy?: string | undefined
  readonly httpProxy?: string | undefined
  /** Hosts that are reached directly, as in NO_PROXY. */
  readonly noProxy?: string | undefined
}

/**
 * A `fetch` that goes through the proxy for this endpoint; the plain one where there is none for it. An endpoint on this
 * machine or with a name without a dot (a service of the same compose project) is always reached directly.
 */
export function createProxiedFetch(baseUrl: string, settings: ProxySettings): typeof globalThis.fetch {
  const { protocol, hostname } = new URL(baseUrl)
  const proxy = protocol === 'https:' ? settings.httpsProxy : settings.httpProxy
  if (proxy === undefined || isNear(hostname)) return globalThis.fetch
  // Loaded only where there is a proxy: without one, Node's own client does all.
  let client: ReturnType<typeof loadClient> | undefined
  return async (url, init) => {
    client ??= loadClient(proxy, settings.noProxy ?? '')
    return (await client)(url, init)
  }
}

function isNear(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  return isIP(host) === 0 ? !host.includes('.') || host.endsWith('.localhost') : /^127\.|^::1$/.test(host)
}

async function loadClient(proxy: string, noProxy: string) {
  const { EnvHttpProxyAgent, fetch } = await import('undici')
  // All three are given, so that it looks for none of them in the environment.
  const dispatcher = new EnvHttpProxyAgent({ httpProxy: proxy, httpsProxy: proxy, noProxy })
  // Node's fetch is this one of another version: the types differ, the values do not.
  type UndiciFetch = typeof fetch
  return async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = { ...init, dispatcher } as Parameters<UndiciFetch>[1]
    return (await fetch(url as Parameters<UndiciFetch>[0], request)) as unknown as Response
  }
}
