import type { Attributes } from './gitattributes.ts'

/** What `text`, `eol` and the old `crlf` make of a file's line ends when it is taken into git. */
export type LineEndings = 'keep' | 'text' | 'auto'

const CR = 13
const LF = 10

/** git's own order (convert.c): `text`, else `crlf`; `eol` alone makes a file text. */
export function lineEndingsFor(attributes: Attributes): LineEndings {
  const text = attributes.get('text') ?? attributes.get('crlf')
  if (text === false) return 'keep'
  if (text === 'auto') return 'auto'
  if (text === true || text === 'input') return 'text'
  const eol = attributes.get('eol')
  return eol === 'lf' || eol === 'crlf' ? 'text' : 'keep'
}

/**
 * The bytes as they go into a blob: CRLF becomes LF for text files. With `auto`, what looks binary is kept, and so is
 * a file that had CRLF in the repository already.
 */
export function normaliseLineEndings(bytes: Uint8Array, endings: LineEndings, baseHasCrlf: boolean): Uint8Array {
  if (endings === 'keep' || !bytes.includes(CR)) return bytes
  if (endings === 'auto' && (baseHasCrlf || looksBinary(bytes))) return bytes
  return bytes.filter((byte, index) => !(byte === CR && bytes[index + 1] === LF))
}

/** Whether a text file has lines that end with CRLF. */
export function hasCrlf(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes('\r\n') && !looksBinary(bytes)
}

/** git's guess: a NUL, a lone CR, or more than one unprintable byte in 128. */
function looksBinary(bytes: Uint8Array): boolean {
  let printable = 0
  let unprintable = 0
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0
    if (byte === 0) return true
    if (byte === CR && bytes[index + 1] !== LF) return true
    if (byte === CR || byte === LF) continue
    // Backspace, tab, form feed and escape count as text.
    const isPlain = byte >= 32 ? byte !== 127 : byte === 8 || byte === 9 || byte === 12 || byte === 27
    if (isPlain) printable += 1
    else unprintable += 1
  }
  // A Ctrl-Z at the very end is how old systems ended a text.
  if (bytes.at(-1) === 26) unprintable -= 1
  return printable >> 7 < unprintable
}
