import { randomBytes } from 'node:crypto'
import { DevBotError } from '@devbot/contracts'

/**
 * What people do not see but a model reads: zero-width characters, bidirectional controls, the tag block, variation
 * selectors, soft hyphens, invisible fillers (all "default ignorable" in Unicode), annotation marks, and control characters
 * but tab and line feed. U+FE0F stays: it only makes an emoji of the sign before it, and a run of it says nothing.
 */
const INVISIBLE = /(?!\ufe0f)[\p{Default_Ignorable_Code_Point}\p{Cc}\ufff9-\ufffb\u2800]/gu
const HTML_COMMENT_MARK = /<!--|-->/g

export type NormalisedText = {
  readonly text: string
  readonly invisibleRemoved: number
  /** Comments of HTML, which GitHub does not show, made visible. */
  readonly commentsEscaped: number
}

/** The text a person saw, and how much of it they did not see. */
export function normaliseUntrusted(
  text: string,
  options: { readonly escapeComments: boolean } = { escapeComments: true },
): NormalisedText {
  let invisibleRemoved = 0
  const visible = text
    .toWellFormed()
    .replace(/\r\n?|[\u2028\u2029]/g, '\n')
    .replace(INVISIBLE, (character) => {
      if (character === '\n' || character === '\t') return character
      invisibleRemoved += 1
      return ''
    })
  if (!options.escapeComments) return { text: visible, invisibleRemoved, commentsEscaped: 0 }
  let commentsEscaped = 0
  const shown = visible.replace(HTML_COMMENT_MARK, (mark) => {
    if (mark === '-->') return '--&gt;'
    commentsEscaped += 1
    return '&lt;!--'
  })
  return { text: shown, invisibleRemoved, commentsEscaped }
}

/**
 * Puts a foreign text between marks that it cannot know: `delimiter` is random and new for every run. What was removed
 * or made visible is said inside the marks. `maxCharacters` cuts the text, with a note.
 */
export function fenceText(input: {
  /** What it is, for the model: `feedback 12 by octocat`. */
  readonly label: string
  readonly text: string
  readonly delimiter: string
  readonly maxCharacters: number
  /** False for a text whose HTML comments its writer sees, like the plan. Default true. */
  readonly escapeComments?: boolean
}): string {
  const delimiter = checkedDelimiter(input.delimiter)
  const { text, invisibleRemoved, commentsEscaped } = normaliseUntrusted(input.text, {
    escapeComments: input.escapeComments ?? true,
  })
  const notes = [
    ...(invisibleRemoved > 0 ? [`[DevBot removed ${invisibleRemoved} invisible characters here]`] : []),
    ...(commentsEscaped > 0 ? [`[DevBot made ${commentsEscaped} HTML comments visible here]`] : []),
  ]
  const label = normaliseUntrusted(input.label).text.replace(/\s+/g, ' ').slice(0, 300)
  const body = cut(text.replaceAll(delimiter, '[mark removed]'), input.maxCharacters)
  return [`BEGIN ${label.replaceAll(delimiter, '')} ${delimiter}`, ...notes, body, `END ${delimiter}`].join('\n')
}

/** 32 signs, so that a byte's low five bits choose one evenly; none looks like another. */
const MARK_SIGNS = 'abcdefghijkmnpqrstuvwxyz23456789'
/** Eighty bits: nobody guesses it within a run, and it stands in every request several times. */
const MARK_LENGTH = 16

/** A run's random mark around text that is not DevBot's own. */
export function newDelimiter(): string {
  return Array.from(randomBytes(MARK_LENGTH), (byte) => MARK_SIGNS.charAt(byte % MARK_SIGNS.length)).join('')
}

function checkedDelimiter(delimiter: string): string {
  if (/^[A-Za-z0-9]{16,64}$/.test(delimiter)) return delimiter
  throw new DevBotError({
    category: 'bug',
    code: 'prompt-delimiter-weak',
    message: 'Expected a random delimiter of 16 to 64 letters and digits.',
  })
}

function cut(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text
  return `${text.slice(0, maxCharacters).toWellFormed()}\n[${text.length - maxCharacters} more characters left out]`
}
