/** Longest piece of somebody's text shown inside a message. */
const MAX_SHOWN_CHARACTERS = 60

/** Control, format (bidirectional overrides included) and line-separating characters: they could disguise a message. */
const ACTIVE_CHARACTERS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/**
 * Somebody's text made harmless for a log line or a Markdown code span: one line, cut at 60 characters, with control
 * and direction characters written as `\u{...}` and backquotes as apostrophes.
 */
export function inertText(text: string): string {
  const characters = [...text.slice(0, 4 * MAX_SHOWN_CHARACTERS)]
  const cut = characters.length > MAX_SHOWN_CHARACTERS || text.length > 4 * MAX_SHOWN_CHARACTERS
  const shown = cut ? `${characters.slice(0, MAX_SHOWN_CHARACTERS).join('')}...` : text
  return shown
    .replace(ACTIVE_CHARACTERS, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
    .replaceAll('`', "'")
}

/** Whether a text holds a character that `inertText` would have to write differently. */
export function hasActiveCharacters(text: string): boolean {
  return text.search(ACTIVE_CHARACTERS) !== -1
}
