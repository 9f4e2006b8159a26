import { domainToASCII } from 'node:url'
import { inertText } from '@devbot/contracts'
import { isPublicAddress } from './address-range.ts'
import { authorityOf, type ParsedAuthority, parseAuthority } from './parse-authority.ts'

/** What may be reached: `host:port`, each in canonical spelling. */
export type AllowList = ReadonlySet<string>

const DEFAULT_PORT = 443
const MAX_ENTRIES = 1_000
const EXPECTED =
  'expected a host name (example.com), host:port (example.com:8443), an address (192.0.2.1:443) or an IPv6 address in brackets ([2001:db8::1]:443)'

/** Reads EGRESS_ALLOW. `problems` names every entry that is none, and what was expected. */
export function parseAllowList(text: string): ParsedAllowList {
  return parseAllowEntries(text.split(','))
}

export type ParsedAllowList = { readonly list: AllowList; readonly problems: readonly string[] }

/** The same for entries that came one by one. */
export function parseAllowEntries(texts: readonly string[]): ParsedAllowList {
  const entries = texts.map((entry) => entry.trim()).filter((entry) => entry !== '')
  const list = new Set<string>()
  const problems: string[] = []
  if (entries.length > MAX_ENTRIES) problems.push(`${entries.length} entries; expected ${MAX_ENTRIES} at most`)
  for (const entry of entries.slice(0, MAX_ENTRIES)) {
    const parsed = parseEntry(entry)
    if (parsed.ok) list.add(authorityOf(parsed.destination))
    else problems.push(`\`${inertText(entry)}\` ${parsed.problem}; ${EXPECTED}`)
  }
  return { list, problems }
}

/**
 * Entries of a repository's policy. They open no address that is not public: what is inside, people with write access to
 * one repository are not the ones to open.
 */
export function parsePolicyEntries(texts: readonly string[]): ParsedAllowList {
  const { list, problems } = parseAllowEntries(texts)
  const inside = [...list].filter((entry) => !isPublicOrName(entry))
  return {
    list,
    problems: [
      ...problems,
      ...inside.map((entry) => `\`${entry}\` is no public address; only EGRESS_ALLOW may hold such a one`),
    ],
  }
}

function isPublicOrName(entry: string): boolean {
  const parsed = parseAuthority(entry)
  return parsed.ok && (parsed.destination.kind === 'name' || isPublicAddress(parsed.destination.host))
}

function parseEntry(entry: string): ParsedAuthority {
  if (entry.includes('*')) return { ok: false, problem: 'has a wildcard; name each host' }
  if (/[/\\?#]/.test(entry)) return { ok: false, problem: 'has a scheme or a path' }
  return parseAuthority(inAscii(entry), DEFAULT_PORT)
}

/** A name of another script as DNS has it (`xn--...`). What is not such a name is left for the parser to refuse. */
function inAscii(entry: string): string {
  if (!/[^\x21-\x7e]/.test(entry)) return entry
  const [, host = '', port = ''] = /^([^:@%\s]*)(:\d+)?$/.exec(entry) ?? []
  const name = domainToASCII(host)
  return /\.xn--|^xn--/.test(name) ? `${name}${port}` : entry
}
