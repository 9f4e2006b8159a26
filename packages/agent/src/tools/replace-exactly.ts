export type Replacement =
  | { readonly kind: 'replaced'; readonly text: string; readonly firstLine: number }
  | { readonly kind: 'not-found'; readonly hint: string | undefined }
  /** 1-based lines where it was found. */
  | { readonly kind: 'wrong-count'; readonly found: number; readonly lines: readonly number[] }

const MAX_HINT_LINES = 30
const MAX_LINES_COMPARED = 20_000
const MAX_LISTED_LINES = 20

/**
 * Replaces `oldText` where it stands exactly `expected` times. The texts may come with plain line feeds: in a file whose
 * lines all end with CRLF they are taken as such, so that no edit mixes line ends.
 */
export function replaceExactly(text: string, oldText: string, newText: string, expected: number): Replacement {
  if (hasOnlyCrlf(text)) return replaceIn(text, withCrlf(oldText), withCrlf(newText), expected)
  const direct = replaceIn(text, oldText, newText, expected)
  if (direct.kind !== 'not-found' || !text.includes('\r\n')) return direct
  return replaceIn(text, withCrlf(oldText), withCrlf(newText), expected)
}

function hasOnlyCrlf(text: string): boolean {
  return text.includes('\r\n') && !/(?<!\r)\n/.test(text)
}

function replaceIn(text: string, oldText: string, newText: string, expected: number): Replacement {
  const parts = text.split(oldText)
  const found = parts.length - 1
  if (found === 0) return { kind: 'not-found', hint: nearestText(text, oldText) }
  if (found !== expected) return { kind: 'wrong-count', found, lines: linesOf(parts, oldText) }
  return { kind: 'replaced', text: parts.join(newText), firstLine: newlinesIn(parts[0] ?? '') + 1 }
}

function withCrlf(text: string): string {
  return text.replace(/\r?\n/g, '\r\n')
}

function linesOf(parts: readonly string[], oldText: string): readonly number[] {
  const lines: number[] = []
  let line = 1
  for (const part of parts.slice(0, Math.min(parts.length - 1, MAX_LISTED_LINES))) {
    line += newlinesIn(part)
    lines.push(line)
    line += newlinesIn(oldText)
  }
  return lines
}

function newlinesIn(text: string): number {
  return text.split('\n').length - 1
}

/** The part of the text that is most like what was looked for, with line numbers; undefined when nothing is. */
export function nearestText(text: string, wanted: string): string | undefined {
  const lines = text.split(/\r?\n/).slice(0, MAX_LINES_COMPARED)
  const wantedLines = wanted.split(/\r?\n/).map((line) => line.trim())
  while (wantedLines.length > 1 && wantedLines.at(-1) === '') wantedLines.pop()
  const start = mostSimilarStart(lines, wantedLines)
  if (start === undefined) return undefined
  const shown = lines.slice(start, start + Math.min(wantedLines.length, MAX_HINT_LINES))
  return shown.map((line, index) => `${start + index + 1}\t${line}`).join('\n')
}

/** Where most lines agree when spaces at their ends are left aside; for a single line, where most words do. */
function mostSimilarStart(lines: readonly string[], wanted: readonly string[]): number | undefined {
  const wantedSet = new Set(wanted.slice(0, MAX_HINT_LINES).filter((line) => line !== ''))
  const scores = lines.map((line) => (wantedSet.has(line.trim()) ? 1 : 0))
  let best = { start: -1, score: 0 }
  const size = Math.min(wanted.length, MAX_HINT_LINES)
  let score = 0
  for (let end = 0; end < scores.length; end += 1) {
    score += (scores[end] ?? 0) - (scores[end - size] ?? 0)
    if (score > best.score) best = { start: Math.max(0, end - size + 1), score }
  }
  if (best.score > 0) return best.start
  return lineWithMostWords(lines, wanted.find((line) => line !== '') ?? '')
}

function lineWithMostWords(lines: readonly string[], wanted: string): number | undefined {
  const words = new Set(wanted.match(/[\p{L}\p{N}_]{2,}/gu))
  if (words.size === 0) return undefined
  let best = { start: -1, share: 0 }
  lines.forEach((line, index) => {
    const common = new Set((line.match(/[\p{L}\p{N}_]{2,}/gu) ?? []).filter((word) => words.has(word))).size
    if (common / words.size > best.share) best = { start: index, share: common / words.size }
  })
  // Less than half of the words in common is no likeness.
  return best.share >= 0.5 ? best.start : undefined
}
