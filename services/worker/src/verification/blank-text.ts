/** How a language writes comments and strings, as far as it matters for finding code between them. */
export type Lexis = {
  readonly lineComments: readonly string[]
  readonly blockComments: readonly (readonly [start: string, end: string])[]
  /** Longest first. */
  readonly quotes: readonly string[]
  /** Quotes whose strings go over line ends; the others end with their line. */
  readonly multiline: readonly string[]
}

/**
 * A source text with what stands in its comments (`code` and `plain`) and strings (`code` only) replaced by blanks, at the
 * same places: what is found in `code` can be looked up in `plain`. One pass, and no pattern: the text is hostile.
 */
export function blankText(source: string, lexis: Lexis): { readonly code: string; readonly plain: string } {
  const code: string[] = []
  const plain: string[] = []
  let at = 0
  const put = (end: number, blankInCode: boolean, blankInPlain: boolean) => {
    const piece = source.slice(at, end)
    const blank = blankInCode || blankInPlain ? piece.replace(/[^\n]/g, ' ') : piece
    code.push(blankInCode ? blank : piece)
    plain.push(blankInPlain ? blank : piece)
    at = end
  }
  const marks = marksOf(lexis)
  while (at < source.length) {
    const next = nextMark(source, at, lexis, marks)
    put(next?.at ?? source.length, false, false)
    if (next === undefined) break
    if (next.kind === 'comment') {
      put(next.end, true, true)
      continue
    }
    put(next.at + next.quote.length, false, false)
    put(stringEnd(source, at, next.quote, lexis.multiline.includes(next.quote)), true, false)
    if (source.startsWith(next.quote, at)) put(at + next.quote.length, false, false)
  }
  return { code: code.join(''), plain: plain.join('') }
}

type Mark =
  | { readonly kind: 'comment'; readonly at: number; readonly end: number }
  | { readonly kind: 'string'; readonly at: number; readonly quote: string }

function nextMark(source: string, from: number, lexis: Lexis, marks: RegExp): Mark | undefined {
  marks.lastIndex = from
  const found = marks.exec(source)
  if (found === null) return undefined
  const [mark] = found
  const at = found.index
  if (lexis.quotes.includes(mark)) return { kind: 'string', at, quote: mark }
  const close = lexis.blockComments.find(([start]) => start === mark)?.[1]
  const end = source.indexOf(close ?? '\n', at + mark.length)
  return { kind: 'comment', at, end: end === -1 ? source.length : end + (close?.length ?? 0) }
}

/** Where a comment or a string begins, the longest mark first. */
function marksOf({ lineComments, blockComments, quotes }: Lexis): RegExp {
  const marks = [...lineComments, ...blockComments.map(([start]) => start), ...quotes]
  return new RegExp(marks.map((mark) => mark.replace(/[/*]/g, '\\$&')).join('|'), 'g')
}

function stringEnd(source: string, from: number, quote: string, multiline: boolean): number {
  for (let at = from; at < source.length; at += 1) {
    if (source.charAt(at) === '\\') at += 1
    else if (source.startsWith(quote, at) || (!multiline && source.charAt(at) === '\n')) return at
  }
  return source.length
}
