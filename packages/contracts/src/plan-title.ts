/** Longest title, as the front matter's own `title`. */
const MAX_TITLE_CHARACTERS = 200

/**
 * A plan's title when the front matter gives none: the first Markdown heading outside code blocks, else the first line
 * with text, else the file name without `.md`.
 */
export function planTitleFor(body: string, fileName: string): string {
  const lines = linesOutsideCode(body)
  const title = firstHeading(lines) ?? firstText(lines) ?? fileName.replace(/\.md$/i, '')
  return oneLine(title)
}

function linesOutsideCode(body: string): readonly string[] {
  const lines: string[] = []
  let fence: string | undefined
  for (const line of body.split(/\r?\n/)) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1]
    if (fence === undefined && mark !== undefined) fence = mark
    else if (fence === undefined) lines.push(line)
    else if (mark?.startsWith(fence) === true && line.trim() === mark) fence = undefined
  }
  return lines
}

function firstHeading(lines: readonly string[]): string | undefined {
  for (const [index, line] of lines.entries()) {
    const text = /^ {0,3}#{1,6}[ \t]+(.*)$/.exec(line)?.[1]?.replace(/[ \t]+#+[ \t]*$/, '')
    if (text !== undefined && hasText(text)) return text
    // A heading may also be a line of text underlined with = or -.
    if (hasText(line) && /^ {0,3}(?:=+|-{2,})[ \t]*$/.test(lines[index + 1] ?? '') && /^ {0,3}[^\s>*+-]/.test(line)) {
      return line
    }
  }
  return undefined
}

function firstText(lines: readonly string[]): string | undefined {
  return lines.find(hasText)
}

function hasText(line: string): boolean {
  return /[\p{L}\p{N}]/u.test(line)
}

function oneLine(text: string): string {
  const clean = text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  const characters = [...clean]
  return characters.length <= MAX_TITLE_CHARACTERS
    ? clean
    : `${characters.slice(0, MAX_TITLE_CHARACTERS - 3).join('')}...`
}
