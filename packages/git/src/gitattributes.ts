import { nameOf, toBytes } from './gitignore.ts'
import { foldersAbove } from './path-rules.ts'
import { compilePattern, type MatchBudget, matchesPattern, type Pattern } from './wildmatch.ts'

/** true: set, false: unset (`-name`), a text: a value, undefined: unspecified (`!name`). */
type AttributeValue = boolean | string | undefined
type Assignment = readonly [name: string, value: AttributeValue]
type Rule = { readonly pattern: Pattern; readonly nameOnly: boolean; readonly assignments: readonly Assignment[] }
type Macros = Map<string, readonly Assignment[]>

export type Attributes = ReadonlyMap<string, AttributeValue>

/** git ignores longer lines, too. */
const MAX_LINE_LENGTH = 2048
const ROOT_FILE = '.gitattributes'

/** Decides as `git check-attr` does. `files` are the `.gitattributes` files of all levels by path. */
export function createAttributeRules(files: ReadonlyMap<string, Uint8Array>, budget: MatchBudget) {
  const macros: Macros = new Map([
    [
      'binary',
      [
        ['diff', false],
        ['merge', false],
        ['text', false],
      ],
    ],
  ])
  const rulesByFolder = new Map<string, readonly Rule[]>()
  for (const [path, bytes] of files) {
    rulesByFolder.set(path.replace(/\/?[^/]*$/, ''), parseRules(bytes, path === ROOT_FILE ? macros : undefined))
  }
  return {
    /** The nearest folder's last matching line wins, attribute by attribute. */
    attributesOf(path: string): Attributes {
      const found = new Map<string, AttributeValue>()
      if (rulesByFolder.size === 0) return found
      for (const folder of ['', ...foldersAbove(path)].toReversed()) {
        const relative = toBytes(folder === '' ? path : path.slice(folder.length + 1))
        for (const rule of rulesByFolder.get(folder)?.toReversed() ?? []) {
          const text = rule.nameOnly ? nameOf(relative) : relative
          if (matchesPattern(rule.pattern, text, budget)) assign(found, rule.assignments, macros)
        }
      }
      return found
    },
  }
}

/** What was said first, by a nearer rule, stays. A macro that is set says what it stands for. */
function assign(found: Map<string, AttributeValue>, assignments: readonly Assignment[], macros: Macros): void {
  for (const [name, value] of assignments.toReversed()) {
    if (found.has(name)) continue
    found.set(name, value)
    if (value === true) assign(found, macros.get(name) ?? [], macros)
  }
}

/** `macros` is given for the one file that may define them, the one at the root. */
function parseRules(bytes: Uint8Array, macros: Macros | undefined): readonly Rule[] {
  const rules: Rule[] = []
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
  for (const line of text.split('\n')) {
    const parts = splitLine(line)
    if (parts === undefined) continue
    const assignments = parseAssignments(parts.rest)
    if (assignments === undefined) continue
    const macro = /^\[attr\](.+)$/.exec(parts.pattern)?.[1]
    if (macro === undefined) rules.push(...ruleFor(parts.pattern, assignments))
    else macros?.set(macro, assignments)
  }
  return rules
}

/** Pattern and assignments; the pattern may be quoted as in C. Comments, empty and overlong lines give nothing. */
function splitLine(line: string): { readonly pattern: string; readonly rest: string } | undefined {
  const text = line.replace(/^[ \t\r]+/, '')
  if (text === '' || text.startsWith('#') || line.length > MAX_LINE_LENGTH) return undefined
  const quoted = /^"((?:[^"\\]|\\.)*)"(.*)$/s.exec(text)
  if (quoted !== null) return { pattern: unquote(quoted[1] ?? ''), rest: quoted[2] ?? '' }
  const [, pattern = '', rest = ''] = /^([^ \t\r]+)(.*)$/s.exec(text) ?? []
  return { pattern, rest }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' }

function unquote(text: string): string {
  return text.replace(/\\([0-3][0-7]{2}|.)/gs, (_all, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (ESCAPES[code] ?? code),
  )
}

function ruleFor(text: string, assignments: readonly Assignment[]): readonly Rule[] {
  // git forbids negative patterns here, and one that ends with a slash never matches a file.
  if (text.startsWith('!') || text.endsWith('/')) return []
  const pattern = compilePattern(text.startsWith('/') ? text.slice(1) : text)
  return pattern === undefined ? [] : [{ pattern, nameOnly: !text.includes('/'), assignments }]
}

/** Undefined when one word is no assignment: git drops the whole line then. */
function parseAssignments(text: string): readonly Assignment[] | undefined {
  const words = text.split(/[ \t\r]+/).filter((word) => word !== '')
  const assignments = words.flatMap((word) => parseAssignment(word))
  return assignments.length === words.length ? assignments : undefined
}

function parseAssignment(word: string): readonly Assignment[] {
  const match = /^([-!]?)([A-Za-z0-9_.][-A-Za-z0-9_.]*)(?:=(.*))?$/s.exec(word)
  if (match === null) return []
  const [, sign, name = '', value] = match
  if (sign === '-') return [[name, false]]
  if (sign === '!') return [[name, undefined]]
  return [[name, value ?? true]]
}
