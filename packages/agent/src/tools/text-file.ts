import type { Workspace } from '../ports.ts'

/** Bytes looked at for a NUL, as git does to tell binary from text. */
const BINARY_PROBE_BYTES = 8_000

export type FileText =
  | {
      readonly kind: 'text'
      readonly text: string
      readonly totalBytes: number
      /** Only the beginning was read. */
      readonly partial: boolean
      /** False: bytes that are not UTF-8 were replaced, so the text must not be written back. */
      readonly exact: boolean
    }
  | { readonly kind: 'problem'; readonly message: string }

/** Reads a text file up to a size, from a byte on; what it cannot give is said in words for the model. */
export async function readTextFile(
  workspace: Workspace,
  path: string,
  maxBytes: number,
  fromByte = 0,
): Promise<FileText> {
  const file = await workspace.readFile(path, { maxBytes, fromByte })
  if (file.kind !== 'file') return { kind: 'problem', message: problemFor(file.kind, path) }
  if (file.bytes.subarray(0, BINARY_PROBE_BYTES).includes(0)) {
    return {
      kind: 'problem',
      message: `${path} is a binary file of ${file.totalBytes} bytes. Use the shell to inspect it.`,
    }
  }
  const partial = file.totalBytes > fromByte + file.bytes.byteLength
  const bytes = partial ? wholeCharacters(file.bytes) : file.bytes
  const exact = isUtf8(bytes)
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  return { kind: 'text', text, totalBytes: file.totalBytes, partial, exact }
}

function problemFor(kind: 'missing' | 'directory' | 'not-a-file' | 'no-permission', path: string): string {
  switch (kind) {
    case 'missing':
      return `There is no file ${path}. Use list to see what is there.`
    case 'directory':
      return `${path} is a directory. Use list to see what is in it.`
    case 'not-a-file':
      return `${path} is neither a file nor a directory but a pipe, socket or device.`
    case 'no-permission':
      return `${path} may not be read by this user.`
  }
}

/** Drops a character that the cap cut in two, so that a valid file does not look invalid. */
function wholeCharacters(bytes: Uint8Array): Uint8Array {
  for (let back = 1; back <= Math.min(4, bytes.byteLength); back += 1) {
    const byte = bytes[bytes.byteLength - back] ?? 0
    if (byte < 0x80) return bytes
    if (byte >= 0xc0) return bytes.subarray(0, bytes.byteLength - back)
  }
  return bytes
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    // The decoder's way to say no.
    return false
  }
}
