import { gitText } from './run-git.ts'

export type Side = 'LEFT' | 'RIGHT'

export type LocatedLine = {
  /** From the hunk's header to the line itself, as GitHub cuts it. */
  readonly hunk: string
  /** GitHub's old way to name a line: lines below the first hunk header of the file. */
  readonly position: number
}

/** Finds a line of the old (LEFT) or new (RIGHT) file in a file's hunks; undefined when the diff does not show it. */
export function locateLine(patch: string, line: number, side: Side): LocatedLine | undefined {
  let hunk: string[] = []
  let numbers = { LEFT: 0, RIGHT: 0 }
  for (const [index, text] of patch.split('\n').entries()) {
    const header = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(text)
    if (header !== null) {
      hunk = [text]
      numbers = { LEFT: Number(header[1]), RIGHT: Number(header[2]) }
      continue
    }
    hunk.push(text)
    const onLeft = text.startsWith(' ') || text.startsWith('-')
    const onRight = text.startsWith(' ') || text.startsWith('+')
    const here = side === 'LEFT' ? onLeft : onRight
    if (here && numbers[side] === line) return { hunk: hunk.join('\n'), position: index }
    if (onLeft) numbers.LEFT += 1
    if (onRight) numbers.RIGHT += 1
  }
  return undefined
}

/** The line a diff position of GitHub's old way stands for. */
export function lineAtPosition(patch: string, position: number): { line: number; side: Side } | undefined {
  let numbers = { LEFT: 0, RIGHT: 0 }
  for (const [index, text] of patch.split('\n').entries()) {
    const header = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(text)
    if (header !== null) {
      numbers = { LEFT: Number(header[1]), RIGHT: Number(header[2]) }
      continue
    }
    if (index === position) {
      if (text.startsWith('-')) return { line: numbers.LEFT, side: 'LEFT' }
      return text.startsWith('\\') ? undefined : { line: numbers.RIGHT, side: 'RIGHT' }
    }
    if (text.startsWith(' ') || text.startsWith('-')) numbers.LEFT += 1
    if (text.startsWith(' ') || text.startsWith('+')) numbers.RIGHT += 1
  }
  return undefined
}

/** Where a line of a file went between two commits; undefined when the line itself was changed or removed. */
export async function movedLine(
  directory: string,
  from: string,
  to: string,
  path: string,
  line: number,
): Promise<number | undefined> {
  if (from === to) return line
  const patch = await gitText(directory, ['diff', '--no-color', '--no-ext-diff', '-U0', from, to, '--', path])
  if (patch.includes('\ndeleted file mode ')) return undefined
  let shift = 0
  for (const match of patch.matchAll(/(?<=\n)@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@/g)) {
    const start = Number(match[1])
    const removed = Number(match[2] ?? 1)
    const added = Number(match[3] ?? 1)
    if (removed === 0 ? line <= start : line < start) break
    if (removed > 0 && line < start + removed) return undefined
    shift += added - removed
  }
  return line + shift
}
