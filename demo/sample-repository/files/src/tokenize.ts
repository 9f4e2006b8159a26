import { DurationError } from './duration-error.ts'

export type Token = {
  readonly kind: 'number' | 'word'
  readonly text: string
  /** Where the token starts in the text. */
  readonly position: number
}

const TOKEN = /(?<number>\d+(?:\.\d+)?|\.\d+)|(?<word>[a-z]+)|(?<skip>[\s,]+)/iy

/** Splits `1h 30m` into numbers and words; commas and white space are skipped. */
export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = []
  let position = 0
  while (position < text.length) {
    TOKEN.lastIndex = position
    const match = TOKEN.exec(text)
    if (match === null) throw new DurationError(`did not expect ${JSON.stringify(text[position])}`, position)
    if (match.groups?.number !== undefined) tokens.push({ kind: 'number', text: match[0], position })
    if (match.groups?.word !== undefined) tokens.push({ kind: 'word', text: match[0], position })
    position += match[0].length
  }
  return tokens
}
