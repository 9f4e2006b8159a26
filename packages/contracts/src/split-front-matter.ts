import { inertText } from './inert-text.ts'
import type { PlanProblem } from './plan-problem.ts'

/** Largest front matter, in characters: all lists filled with long entries stay below, and reading it takes milliseconds. */
const MAX_FRONT_MATTER_CHARACTERS = 64 * 1024

export type SplitFile =
  | { readonly kind: 'without'; readonly body: string }
  /** `yaml` starts on line 2 of the file. */
  | { readonly kind: 'with'; readonly yaml: string; readonly body: string }
  | { readonly kind: 'broken'; readonly problem: PlanProblem }

/**
 * Cuts a Markdown file into front matter and body. Front matter starts with `---` alone on line 1 and ends with the next
 * line that is `---` alone; everything after that line is body, as written. What only nearly is front matter is broken,
 * never ignored: a plan that says `status: hold` must not start because of a blank first line.
 */
export function splitFrontMatter(text: string): SplitFile {
  const firstLine = lineAt(text, 0)
  if (isFence(firstLine)) return splitAfterFence(text, text.indexOf('\n') + 1)
  if (/^---[^-]/.test(firstLine)) return broken(1, languageMarker(firstLine))
  if (/^\+\+\+\s*$/.test(firstLine)) return broken(1, tomlFrontMatter)
  const blank = /^(?:[ \t]*\r?\n)+/.exec(text)?.[0]
  if (blank !== undefined && /^---[ \t]*\r?\n[A-Za-z_-]+[ \t]*:/.test(text.slice(blank.length))) {
    return broken(blank.split('\n').length, blankLinesAbove)
  }
  return { kind: 'without', body: text }
}

function splitAfterFence(text: string, start: number): SplitFile {
  if (start === 0) return broken(1, notClosed)
  for (let at = start; at < text.length; at = nextLine(text, at)) {
    if (!isFence(lineAt(text, at))) continue
    if (at - start > MAX_FRONT_MATTER_CHARACTERS) return broken(1, tooLong)
    return { kind: 'with', yaml: text.slice(start, at), body: text.slice(nextLine(text, at)) }
  }
  return broken(1, notClosed)
}

function lineAt(text: string, start: number): string {
  const end = text.indexOf('\n', start)
  return end === -1 ? text.slice(start) : text.slice(start, end)
}

function nextLine(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end === -1 ? text.length : end + 1
}

function isFence(line: string): boolean {
  return /^---[ \t]*\r?$/.test(line)
}

type Trouble = Pick<PlanProblem, 'problem' | 'remedy' | 'paste'>

function broken(line: number, trouble: Trouble): SplitFile {
  return { kind: 'broken', problem: { field: 'front matter', line, ...trouble } }
}

const notClosed: Trouble = {
  problem: 'expected a second line with only --- that ends the front matter, found none',
  remedy: 'Add a line with only --- after the last front matter line, or delete the --- on line 1.',
  paste: '---',
}
const tooLong: Trouble = {
  problem: `expected at most ${MAX_FRONT_MATTER_CHARACTERS} characters of front matter`,
  remedy: 'Move the text below the second --- line.',
}
const blankLinesAbove: Trouble = {
  problem: 'expected front matter to start on line 1, found blank lines above it',
  remedy: 'Delete the blank lines above the first ---.',
}
const tomlFrontMatter: Trouble = {
  problem: 'expected YAML front matter between two --- lines, found +++ (TOML)',
  remedy: 'Replace the +++ lines by --- and write each entry as `key: value`.',
  paste: '---',
}

function languageMarker(firstLine: string): Trouble {
  return {
    problem: `expected --- alone on line 1, found \`${inertText(firstLine.trimEnd())}\`: front matter in another language is refused`,
    remedy: 'Write only --- on line 1, and YAML below it.',
    paste: '---',
  }
}
