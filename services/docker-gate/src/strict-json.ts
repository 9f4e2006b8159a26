import { forbidden, shown } from './refusal.ts'

/** A create body is five deep. */
const MAX_DEPTH = 10

/**
 * The one value that every reader sees in these bytes: strict UTF-8 without a byte order mark, plain JSON, no key twice
 * in an object. Go's decoder takes keys whatever their case and the last of several, so twins by case count as twice.
 * Throws a Refusal.
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes)
  const value = parseJson(text)
  checkShape(text)
  return value
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw forbidden('a body that is not UTF-8')
  }
}

/** A byte order mark is no JSON either: the decoder leaves it in. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // V8's message quotes the body; the client knows what it sent.
    throw forbidden('a body that is not JSON')
  }
}

/** The marks of a text that is known to be JSON: strings, brackets and colons are all that matter. */
const MARKS = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g

function checkShape(json: string): void {
  /** The keys so far of each open object; an array has none. */
  const open: Set<string>[] = []
  let lastString = '""'
  for (const [mark] of json.matchAll(MARKS)) {
    if (mark === '{' || mark === '[') open.push(new Set())
    else if (mark === '}' || mark === ']') open.pop()
    else if (mark === ':') addKey(open.at(-1), JSON.parse(lastString))
    else lastString = mark
    if (open.length > MAX_DEPTH) throw forbidden(`a body nested deeper than ${MAX_DEPTH}`)
  }
}

function addKey(keys: Set<string> | undefined, key: string): void {
  // Only ASCII: outside it Go folds more letters together than we do (the Kelvin sign is a k to it).
  if (!/^[ -~]{1,100}$/.test(key)) throw forbidden(`the key ${shown(key)}`)
  const folded = key.toLowerCase()
  if (folded === '__proto__') throw forbidden('the key __proto__')
  if (keys?.has(folded)) throw forbidden(`the key ${shown(key)} twice`)
  keys?.add(folded)
}
