/** Longest piece of agent prose that is published in one place. */
const MAX_PROSE_LENGTH = 8000

/**
 * Takes from the agent's prose what would act on GitHub in any text, a commit message included: mentions that notify,
 * keywords that close issues, invisible and control characters. The words stay.
 */
export function withoutEffects(text: string): string {
  return text
    .normalize('NFC')
    .replace(/[\p{Cf}\u{E0000}-\u{E007F}]/gu, '')
    .replace(/[^\P{Cc}\n\t]/gu, '')
    .replace(/(^|[^\w`])@(?=[A-Za-z0-9])/g, '$1@\u200b')
    .replace(/\b(close[sd]?|fix(?:e[sd])?|resolve[sd]?)(:?\s+)(?=#|[\w.-]+\/[\w.-]+#|https?:)/gi, '$1$2\u200b')
}

/**
 * Makes the agent's prose inert where GitHub renders it: as `withoutEffects`, and no command wakes another bot, no
 * image or HTML is rendered, no hidden comment can pose as our marker.
 */
export function publishableText(text: string): string {
  return withoutEffects(text.slice(0, MAX_PROSE_LENGTH))
    .replaceAll('<', '&lt;')
    .replace(/!\[/g, '!\\[')
    .replace(/^(\s*)\/(?=[a-z])/gim, '$1\\/')
}

/** One line of prose: for titles, list items and table cells. */
export function publishableLine(text: string, maxLength = 300): string {
  return publishableText(text.replace(/\s+/g, ' ').trim()).slice(0, maxLength).replaceAll('|', '\\|')
}

/** A path or command in a code span that it cannot end. */
export function codeSpan(text: string): string {
  const inert = text.replace(
    /[\p{Cc}\p{Cf}]/gu,
    (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )
  const fence = '`'.repeat(Math.max(0, ...[...inert.matchAll(/`+/g)].map(([run]) => run.length)) + 1)
  const pad = inert.startsWith('`') || inert.endsWith('`') ? ' ' : ''
  return `${fence}${pad}${inert}${pad}${fence}`
}

/** A block of raw output in a fence that it cannot end. */
export function codeBlock(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}text\n${text.replace(/[^\P{Cc}\n\t]/gu, '').trimEnd()}\n${fence}`
}
