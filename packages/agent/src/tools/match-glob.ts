import { DevBotError } from '@devbot/contracts'

/** `{a,b}` may multiply a pattern; no more than this. */
const MAX_ALTERNATIVES = 64
/** Comparisons for one listing: seconds at worst, and several times what 50,000 paths take with a usual pattern. */
const MAX_STEPS = 50_000_000

/**
 * A matcher for paths: `*` and `?` within a name, `**` for any folders, `[a-z]`, `[!a]`, `{a,b}`. A pattern without a
 * slash looks at names everywhere, as in `.gitignore`. Written here because the pattern comes from a model and the names
 * from its sandbox: a regular expression of them can run for hours. All questions together have one budget; beyond it a
 * DevBotError `invalid-input`, `glob-too-complex`, is thrown.
 */
export function createGlob(glob: string, maxSteps = MAX_STEPS): (path: string) => boolean {
  let stepsLeft = maxSteps
  const step = () => {
    stepsLeft -= 1
    if (stepsLeft < 0) throw globTooComplex()
  }
  const matchesName = (part: Part, name: string) =>
    part !== FOLDERS && wildcardMatch(part, [...name], RUN, (fits, character) => fits !== RUN && fits(character), step)
  const pattern = glob.replace(/^(?:\.?\/)+/, '')
  const everywhere = pattern.includes('/') ? pattern : `**/${pattern}`
  const alternatives = expandBraces(everywhere).map((alternative) => alternative.split('/').map(compileName))
  return (path) => {
    const names = path.split('/')
    return alternatives.some((parts) => wildcardMatch(parts, names, FOLDERS, matchesName, step))
  }
}

/** The folders that a pattern names before its first wildcard: `src/a/*.ts` -> `src/a`. */
export function plainFolders(glob: string): string {
  const parts = glob.replace(/^(?:\.?\/)+/, '').split('/')
  const wild = parts.findIndex((part) => /[*?[{\\]/.test(part) || part === '' || part === '.' || part === '..')
  return parts.slice(0, wild < 0 ? parts.length - 1 : Math.min(wild, parts.length - 1)).join('/')
}

type Character = (character: string) => boolean
type Part = readonly (Character | typeof RUN)[] | typeof FOLDERS
const RUN = Symbol('any characters')
const FOLDERS = Symbol('any folders')

/**
 * Whether items match a pattern in which one wildcard stands for any number of them. Only the last wildcard is ever gone
 * back to, which is enough.
 */
function wildcardMatch<Piece, Item>(
  pattern: readonly Piece[],
  items: readonly Item[],
  wildcard: Piece,
  fits: (piece: Piece, item: Item) => boolean,
  step: () => void,
): boolean {
  let at = 0
  let back: { readonly pattern: number; item: number } | undefined
  for (let item = 0; item < items.length; ) {
    step()
    const piece = pattern[at]
    if (piece === wildcard && at < pattern.length) {
      back = { pattern: at + 1, item }
      at += 1
    } else if (piece !== undefined && fits(piece, items[item] as Item)) {
      at += 1
      item += 1
    } else if (back) {
      back.item += 1
      item = back.item
      at = back.pattern
    } else return false
  }
  return pattern.slice(at).every((piece) => piece === wildcard)
}

function globTooComplex(): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'glob-too-complex',
    message: 'the glob takes too long on so many paths; give a simpler one, or narrow path',
  })
}

function compileName(name: string): Part {
  if (name === '**') return FOLDERS
  const pieces: (Character | typeof RUN)[] = []
  const characters = [...name]
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? ''
    const end = character === '[' ? classEnd(characters, at) : -1
    if (character === '*') pieces.push(RUN)
    else if (character === '?') pieces.push(() => true)
    else if (end > 0) {
      pieces.push(compileClass(characters.slice(at + 1, end)))
      at = end
    } else {
      if (character === '\\') at += 1
      const plain = characters[at] ?? character
      pieces.push((other) => other === plain)
    }
  }
  return pieces
}

/** Where a class that begins at `start` ends; -1 for a bracket that stands for itself. */
function classEnd(characters: readonly string[], start: number): number {
  const first = characters[start + 1] === '!' || characters[start + 1] === '^' ? start + 2 : start + 1
  return characters.indexOf(']', first + 1)
}

function compileClass(members: readonly string[]): Character {
  const negative = members[0] === '!' || members[0] === '^'
  const ranges: (readonly [string, string])[] = []
  for (let at = negative ? 1 : 0; at < members.length; at += 1) {
    const from = members[at] ?? ''
    const to = members[at + 1] === '-' ? members[at + 2] : undefined
    ranges.push([from, to ?? from])
    if (to !== undefined) at += 2
  }
  return (character) => ranges.some(([from, to]) => from <= character && character <= to) !== negative
}

/** `a{b,c}d` -> `abd`, `acd`; nested ones too. Braces that do not close or hold no comma stand for themselves. */
function expandBraces(pattern: string): readonly string[] {
  const done: string[] = []
  const open = [pattern]
  while (open.length > 0 && done.length + open.length <= MAX_ALTERNATIVES) {
    const next = open.pop() ?? ''
    // The innermost ones, so that what is left holds none within.
    const braces = /\{([^{}]*,[^{}]*)\}/.exec(next)
    if (braces === null) done.push(next)
    else {
      const [whole, inner = ''] = braces
      const [before, after] = [next.slice(0, braces.index), next.slice(braces.index + whole.length)]
      open.push(...inner.split(',').map((choice) => `${before}${choice}${after}`))
    }
  }
  return [...done, ...open]
}
