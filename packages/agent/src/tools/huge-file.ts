import type { Workspace } from '../ports.ts'

/** Read at once while looking for a line. */
const STEP_BYTES = 4 * 1024 * 1024
/** Looked through for a line: more than the shell tool keeps of any output. */
const MAX_SEARCHED_BYTES = 128 * 1024 * 1024
/** Enough for what is shown of an end, unless its lines are very long. */
const TAIL_BYTES = 256 * 1024
const NEWLINE = 10

export type FoundLine =
  | { readonly kind: 'found'; readonly line: number; readonly fromByte: number }
  | { readonly kind: 'beyond'; readonly lines: number; readonly reach: string }

/** Where a line (from 1) of a file of any size begins; the file is read in pieces. */
export async function findLine(workspace: Workspace, path: string, line: number): Promise<FoundLine> {
  let passed = 0
  let endsInLine = false
  for (let fromByte = 0; fromByte < MAX_SEARCHED_BYTES; fromByte += STEP_BYTES) {
    const piece = await workspace.readFile(path, { fromByte, maxBytes: STEP_BYTES })
    // It may have been removed or cut meanwhile: what it had is what it has.
    if (piece.kind !== 'file' || piece.bytes.byteLength === 0) break
    const { bytes } = piece
    if (line === 1) return { kind: 'found', line, fromByte: 0 }
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
      passed += 1
      const next = fromByte + at + 1
      if (passed === line - 1 && next < piece.totalBytes) return { kind: 'found', line, fromByte: next }
    }
    endsInLine = bytes.at(-1) !== NEWLINE
    if (fromByte + bytes.byteLength >= piece.totalBytes)
      return { kind: 'beyond', lines: passed + (endsInLine ? 1 : 0), reach: '' }
  }
  return { kind: 'beyond', lines: passed, reach: ' within reach of this tool; use sed -n in the shell' }
}

/** The text of the last whole lines of a file of that size. */
export async function lastLines(workspace: Workspace, path: string, totalBytes: number): Promise<string> {
  const fromByte = Math.max(0, totalBytes - TAIL_BYTES)
  const tail = await workspace.readFile(path, { fromByte, maxBytes: TAIL_BYTES })
  if (tail.kind !== 'file') return ''
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(tail.bytes)
  const firstEnd = text.indexOf('\n')
  // The first line is cut, unless it is the only one.
  return fromByte > 0 && firstEnd >= 0 && firstEnd < text.length - 1 ? text.slice(firstEnd + 1) : text
}
