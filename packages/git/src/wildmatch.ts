import { DevBotError } from '@devbot/contracts'

/**
 * How much matching one change may cost, in visited pattern positions: about two seconds. Patterns come from the
 * sandbox, and a matcher by regular expression can be kept busy for hours by one line with four double stars.
 */
export type MatchBudget = { steps: number }
export const MAX_MATCH_STEPS = 50_000_000

type Token =
  | { readonly kind: 'character'; readonly code: number }
  /** One of these bytes; never a slash. */
  | { readonly kind: 'class'; readonly members: Uint8Array }
  /** `*`: any run without a slash. */
  | { readonly kind: 'run' }
  /** Two stars and a slash, leading or between slashes: no folder, or any folders. */
  | { readonly kind: 'folders' }
  /** Two stars at the end after a slash: everything below. */
  | { readonly kind: 'rest' }

export type Pattern = {
  /** Characters that a path must start and end with; most comparisons end here. */
  readonly prefix: string
  readonly suffix: string
  readonly tokens: readonly Token[]
}

const SLASH = 47

/**
 * Compiles a pattern of `.gitignore` and `.gitattributes` (git's wildmatch with WM_PATHNAME). Text is given as bytes in
 * a latin1 string, because git matches bytes. Undefined for a pattern that can match nothing.
 */
export function compilePattern(pattern: string): Pattern | undefined {
  const prefix = /^[^*?[\\]*/.exec(pattern)?.[0] ?? ''
  const tokens: Token[] = []
  let index = prefix.length
  while (index < pattern.length) {
    const step = readToken(pattern, index, prefix.length)
    if (step === undefined) return undefined
    tokens.push(step.token)
    index = step.next
  }
  return { prefix, suffix: suffixOf(tokens), tokens }
}

/** The plain characters that end a pattern. */
function suffixOf(tokens: readonly Token[]): string {
  let suffix = ''
  for (const token of tokens.toReversed()) {
    if (token.kind !== 'character') break
    suffix = String.fromCharCode(token.code) + suffix
  }
  return suffix
}

type Step = { readonly token: Token; readonly next: number }

function readToken(pattern: string, index: number, prefixEnd: number): Step | undefined {
  const character = pattern[index]
  if (character === '*') return readStars(pattern, index, prefixEnd)
  if (character === '?') return { token: { kind: 'class', members: anyButSlash() }, next: index + 1 }
  if (character === '[') return readClass(pattern, index)
  if (character !== '\\') return { token: { kind: 'character', code: pattern.charCodeAt(index) }, next: index + 1 }
  if (index + 1 >= pattern.length) return undefined
  return { token: { kind: 'character', code: pattern.charCodeAt(index + 1) }, next: index + 2 }
}

/** git compares the plain prefix first and the rest by itself, so double stars right after it count as leading. */
function readStars(pattern: string, start: number, prefixEnd: number): Step {
  let end = start
  while (pattern[end] === '*') end += 1
  const afterSlash = start === prefixEnd || pattern[start - 1] === '/'
  if (end - start >= 2 && afterSlash && end === pattern.length) return { token: { kind: 'rest' }, next: end }
  if (end - start >= 2 && afterSlash && pattern[end] === '/') return { token: { kind: 'folders' }, next: end + 1 }
  return { token: { kind: 'run' }, next: end }
}

function anyButSlash(): Uint8Array {
  const members = new Uint8Array(256).fill(1)
  members[SLASH] = 0
  return members
}

const NAMED_CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is the class of control characters
  cntrl: /[\x00-\x1f\x7f]/,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t\n\r]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
}

/** `[abc]`, `[!a-z]`, `[[:digit:]]`; a `]` right at the start is a member. An open end matches nothing at all. */
function readClass(pattern: string, start: number): Step | undefined {
  const members = new Uint8Array(256)
  let index = start + 1
  const negated = pattern[index] === '!' || pattern[index] === '^'
  if (negated) index += 1
  let previous = -1
  for (let first = true; first || pattern[index] !== ']'; first = false) {
    if (index >= pattern.length) return undefined
    const named = /^\[:([^\]]*):\]/.exec(pattern.slice(index, index + 12))
    if (named !== null) {
      const matcher = NAMED_CLASSES[named[1] ?? '']
      if (matcher === undefined) return undefined
      for (let code = 0; code < 256; code += 1) if (matcher.test(String.fromCharCode(code))) members[code] = 1
      index += named[0].length
      previous = -1
      continue
    }
    const isRange =
      pattern[index] === '-' && previous !== -1 && index + 1 < pattern.length && pattern[index + 1] !== ']'
    if (isRange) index += 1
    if (pattern[index] === '\\') index += 1
    if (index >= pattern.length) return undefined
    const code = pattern.charCodeAt(index)
    for (let member = isRange ? previous : code; member <= code; member += 1) members[member] = 1
    previous = isRange ? -1 : code
    index += 1
  }
  if (negated) for (let code = 0; code < 256; code += 1) members[code] = members[code] === 1 ? 0 : 1
  members[SLASH] = 0
  return { token: { kind: 'class', members }, next: index + 1 }
}

/** Whether the whole text matches. Time is at most tokens times characters, whatever the pattern. */
export function matchesPattern(pattern: Pattern, text: string, budget: MatchBudget): boolean {
  const { prefix, suffix, tokens } = pattern
  budget.steps -= 1
  // Asked here, too: millions of patterns that differ in their first letter cost as much as a few that nearly match.
  if (budget.steps < 0) throw tooMuchMatching()
  if (!text.startsWith(prefix) || !text.endsWith(suffix)) return false
  if (tokens.length === 0) return text.length === prefix.length
  let states = closure(tokens, new Set([0]))
  for (let index = prefix.length; index < text.length && states.size > 0; index += 1) {
    budget.steps -= states.size
    if (budget.steps < 0) throw tooMuchMatching()
    states = closure(tokens, advance(tokens, states, text.charCodeAt(index)))
  }
  return states.has(tokens.length)
}

/**
 * The positions reached by one more character. `~position` stands for being in the middle of a folder's name at a
 * `folders` token: only the slash that ends the name leads on from there.
 */
function advance(tokens: readonly Token[], states: ReadonlySet<number>, code: number): Set<number> {
  const next = new Set<number>()
  for (const state of states) {
    const position = state < 0 ? ~state : state
    const token = tokens[position]
    if (token === undefined) continue
    if (token.kind === 'character' && token.code === code) next.add(position + 1)
    if (token.kind === 'class' && token.members[code] === 1) next.add(position + 1)
    if (token.kind === 'run' && code !== SLASH) next.add(position)
    if (token.kind === 'rest') next.add(position)
    if (token.kind === 'folders') next.add(code === SLASH ? position : ~position)
  }
  return next
}

/** Adds the positions that are reached without a character: stars may match nothing. */
function closure(tokens: readonly Token[], states: Set<number>): Set<number> {
  // A set hands out what is added while it is walked.
  for (const state of states) {
    const kind = state < 0 ? undefined : tokens[state]?.kind
    if (kind === 'run' || kind === 'folders' || kind === 'rest') states.add(state + 1)
  }
  return states
}

function tooMuchMatching(): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'patterns-too-complex',
    message:
      'the patterns of .gitignore, .gitattributes, the policy or the plan take too long to evaluate; expected simpler ones, or fewer new files',
  })
}
