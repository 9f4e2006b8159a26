import { DevBotError } from '@devbot/contracts'

const MAX_HEADERS = 32
const MAX_VALUE_CHARACTERS = 8_192
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/
/** Anything else cannot stand in a header, and the error that says so would quote it. */
const VALUE = /^[\t\x20-\x7e]+$/

/** What the client and the connection set themselves, and what would stand in the key's place. */
const RESERVED: ReadonlySet<string> = new Set([
  'authorization',
  'x-api-key',
  'accept',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * Headers of every request to the model's endpoint, from lines `Name: value`. Throws category `config` naming the line
 * that is wrong, never its value: values are secrets.
 */
export function parseCustomHeaders(text: string): Readonly<Record<string, string>> {
  const headers = new Map<string, string>()
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue
    const { name, value } = parseLine(line, index + 1)
    if (headers.has(name)) throw malformed(index + 1, `${name} stands twice`)
    headers.set(name, value)
  }
  if (headers.size > MAX_HEADERS) throw malformed(MAX_HEADERS + 1, `more than ${MAX_HEADERS} headers`)
  return Object.fromEntries(headers)
}

function parseLine(line: string, number: number): { readonly name: string; readonly value: string } {
  const colon = line.indexOf(':')
  if (colon < 0) throw malformed(number, 'expected Name: value')
  const name = line.slice(0, colon).trim().toLowerCase()
  const value = line.slice(colon + 1).trim()
  if (!NAME.test(name)) throw malformed(number, "expected a header's name before the colon")
  if (RESERVED.has(name)) {
    throw malformed(number, `${name} is set by DevBot; keys go into ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN`)
  }
  if (!VALUE.test(value) || value.length > MAX_VALUE_CHARACTERS) {
    throw malformed(number, `the value of ${name} is empty, too long, or not printable ASCII`)
  }
  return { name, value }
}

function malformed(line: number, problem: string): DevBotError {
  return new DevBotError({
    category: 'config',
    code: 'model-headers-malformed',
    message: `ANTHROPIC_CUSTOM_HEADERS, line ${line}: ${problem}.`,
  })
}
