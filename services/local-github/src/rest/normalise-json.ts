/** What differs between the emulator's addresses and ours. */
export type Addresses = {
  readonly emulatorUrl: string
  readonly serverUrl: string
  readonly apiUrl: string
}

/** First path segments that belong to the API; everything else is a page for people. */
const API_PATHS = /^\/(repos|users|orgs|teams|app|installation|user|search|repositories|gists)(\/|$)/

/**
 * Makes the emulator's JSON look like GitHub's: addresses lead to this service (API addresses below the API's base),
 * times have no milliseconds, bots say that they are bots. Ids of `realIds` (emulator's -> git's) are put right.
 */
export function normaliseJson(
  value: unknown,
  addresses: Addresses,
  isBot: (login: string) => boolean,
  realIds: ReadonlyMap<string, string> = new Map(),
): unknown {
  const walk = (part: unknown, key: string): unknown => {
    if (Array.isArray(part)) return part.map((item) => walk(item, key))
    if (typeof part === 'string') return normaliseText(part, key, addresses, realIds)
    if (typeof part !== 'object' || part === null) return part
    const entries = Object.entries(part).map(([name, inner]) => [name, walk(inner, name)] as const)
    const normal: Record<string, unknown> = Object.fromEntries(entries)
    if (typeof normal.login === 'string' && typeof normal.type === 'string' && isBot(normal.login)) normal.type = 'Bot'
    return normal
  }
  return walk(value, '')
}

function normaliseText(text: string, key: string, addresses: Addresses, realIds: ReadonlyMap<string, string>): string {
  if (key === 'url' || key === 'href' || key.endsWith('_url')) return ownAddress(text, addresses)
  if (key.endsWith('_at')) return text.replace(/\.\d{3}Z$/, 'Z')
  return realIds.get(text) ?? text
}

/** An address of the emulator as one of ours. */
export function ownAddress(text: string, addresses: Addresses): string {
  if (!text.startsWith(addresses.emulatorUrl)) return text
  const path = text.slice(addresses.emulatorUrl.length)
  return `${API_PATHS.test(path) ? addresses.apiUrl : addresses.serverUrl}${path}`
}
