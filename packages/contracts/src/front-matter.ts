import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLError } from 'yaml'
import { inertText } from './inert-text.ts'
import type { PlanProblem } from './plan-problem.ts'
import { describeYamlError } from './yaml-errors.ts'

/** Deepest nesting that is read. `acceptance` is a list of maps: front matter map, list, map, value. */
const MAX_DEPTH = 8
/** Syntax errors told at once; the parser finds many for one cause. */
const MAX_SYNTAX_PROBLEMS = 3

/** A value of the front matter, with the place where it stands. Only data: no prototypes, no references, no tags. */
export type FrontMatterValue =
  | { readonly kind: 'empty'; readonly line: number }
  /** `text` is the value as a string, as written for numbers and booleans. */
  | {
      readonly kind: 'scalar'
      readonly line: number
      readonly text: string
      readonly value: string | number | boolean
    }
  | { readonly kind: 'list'; readonly line: number; readonly items: readonly FrontMatterValue[] }
  | { readonly kind: 'map'; readonly line: number; readonly entries: readonly FrontMatterEntry[] }

export type FrontMatterEntry = { readonly key: string; readonly line: number; readonly value: FrontMatterValue }

export type FrontMatter = {
  readonly entries: readonly FrontMatterEntry[]
  readonly problems: readonly PlanProblem[]
}

/**
 * Reads YAML 1.2 (core schema) into plain entries. Aliases, anchors, tags, merge keys, duplicate keys, deep nesting and
 * syntax errors are problems, each with its line; nothing in the text can run, expand or reach a prototype. With a
 * syntax error only entries above it are returned: what follows it cannot be trusted.
 * @param lineOffset added to line numbers: 1 when the YAML starts on line 2 of its file.
 */
export function readFrontMatter(yaml: string, lineOffset: number): FrontMatter {
  const directive = directiveProblem(yaml, lineOffset)
  if (directive !== undefined) return { entries: [], problems: [directive] }
  const lineCounter = new LineCounter()
  const document = parseDocument(yaml, {
    version: '1.2',
    schema: 'core',
    merge: false,
    resolveKnownTags: false,
    stringKeys: true,
    // Found by our own walk: the library compares every key with every other one.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'error',
    lineCounter,
  })
  const lineAt = (offset: number) => lineCounter.linePos(offset).line + lineOffset
  const syntax = syntaxProblems(document.errors, yaml, lineAt)
  const walk = createWalk(lineAt)
  const entries = walk.root(document.contents)
  const firstBrokenLine = syntax[0]?.line ?? Number.POSITIVE_INFINITY
  return {
    entries: entries.filter((entry) => lastLine(entry.value) < firstBrokenLine && entry.line < firstBrokenLine),
    problems: [...syntax, ...walk.problems.filter((problem) => (problem.line ?? 0) < firstBrokenLine)],
  }
}

/** A directive could switch to another YAML version, and `...` would hide what follows it. */
function directiveProblem(yaml: string, lineOffset: number): PlanProblem | undefined {
  const found = /^(?:%.*|\.\.\.(?:[ \t].*)?)\r?$/m.exec(yaml)
  if (found === null) return undefined
  return {
    field: 'front matter',
    line: yaml.slice(0, found.index).split('\n').length + lineOffset,
    problem: `expected one YAML document without directives, found \`${inertText(found[0].trimEnd())}\``,
    remedy: 'Delete this line.',
  }
}

/** At most one problem per line, and only the first few lines. */
function syntaxProblems(
  errors: readonly YAMLError[],
  yaml: string,
  lineAt: (offset: number) => number,
): readonly PlanProblem[] {
  const byLine = new Map<number, PlanProblem>()
  const firstErrors = errors.slice(0, 50).toSorted((one, other) => one.pos[0] - other.pos[0])
  for (const error of firstErrors) {
    const line = lineAt(error.pos[0])
    if (byLine.size < MAX_SYNTAX_PROBLEMS && !byLine.has(line)) {
      byLine.set(line, { line, ...describeYamlError(error.code, textOfLine(yaml, error.pos[0])) })
    }
  }
  return [...byLine.values()]
}

function textOfLine(yaml: string, offset: number): string {
  const start = yaml.lastIndexOf('\n', offset - 1) + 1
  const end = yaml.indexOf('\n', start)
  return yaml.slice(start, end === -1 ? undefined : end).trimEnd()
}

function lastLine(value: FrontMatterValue): number {
  if (value.kind === 'list') return Math.max(value.line, ...value.items.slice(-1).map(lastLine))
  if (value.kind === 'map')
    return Math.max(value.line, ...value.entries.slice(-1).map((entry) => lastLine(entry.value)))
  return value.line
}

function createWalk(lineAt: (offset: number) => number) {
  const problems: PlanProblem[] = []
  /** One problem per line and key is enough. */
  const told = new Set<string>()
  let refusals = 0

  function root(contents: Node | null): readonly FrontMatterEntry[] {
    if (contents === null) return []
    const value = readValue(contents, 'front matter', 1, lineAt(contents.range?.[0] ?? 0))
    if (value.kind === 'map') return value.entries
    if (value.kind !== 'empty') problems.push(notAMap(value))
    return []
  }

  function readValue(node: unknown, field: string, depth: number, parentLine: number): FrontMatterValue {
    if (node === null || node === undefined) return { kind: 'empty', line: parentLine }
    if (depth > MAX_DEPTH) return refuse(field, parentLine, nestedTooDeep)
    if (isAlias(node)) return refuse(field, lineOf(node, parentLine), aliasFor(node.source))
    if (!isScalar(node) && !isSeq(node) && !isMap(node)) return { kind: 'empty', line: parentLine }
    const line = lineOf(node, parentLine)
    if (node.anchor !== undefined) refuse(field, line, anchorFor(node.anchor))
    if (node.tag !== undefined) refuse(field, line, tagFor(node.tag))
    if (isSeq(node)) {
      return { kind: 'list', line, items: node.items.map((item) => readValue(item, field, depth + 1, line)) }
    }
    if (isMap(node)) return { kind: 'map', line, entries: entriesOf(node.items, field, depth, line) }
    return scalarOf(node.value, node.source, line)
  }

  function entriesOf(
    pairs: readonly { readonly key: unknown; readonly value: unknown }[],
    field: string,
    depth: number,
    mapLine: number,
  ): readonly FrontMatterEntry[] {
    const firstLines = new Map<string, number>()
    const entries: FrontMatterEntry[] = []
    for (const pair of pairs) {
      // A key that is no scalar is a syntax error already (`stringKeys`).
      if (!isScalar(pair.key)) {
        if (isAlias(pair.key)) refuse(field, lineOf(pair.key, mapLine), aliasFor(pair.key.source))
        continue
      }
      const key = String(pair.key.value)
      const line = lineOf(pair.key, mapLine)
      const name = depth === 1 ? inertText(key) : field
      const refusalsBefore = refusals
      const first = firstLines.get(key)
      if (first !== undefined) refuse(name, line, duplicateOf(key, first))
      if (pair.key.anchor !== undefined) refuse(name, line, anchorFor(pair.key.anchor))
      if (pair.key.tag !== undefined) refuse(name, line, tagFor(pair.key.tag))
      if (key === '<<') refuse(name, line, mergeKey)
      const value = readValue(pair.value, name, depth + 1, line)
      // What was refused is not judged a second time.
      if (refusals === refusalsBefore) entries.push({ key, line, value })
      firstLines.set(key, first ?? line)
    }
    return entries
  }

  function refuse(field: string, line: number, trouble: Pick<PlanProblem, 'problem' | 'remedy'>): FrontMatterValue {
    refusals++
    if (!told.has(`${line} ${field}`)) problems.push({ field, line, ...trouble })
    told.add(`${line} ${field}`)
    return { kind: 'empty', line }
  }

  function lineOf(node: Node, fallback: number): number {
    return node.range ? lineAt(node.range[0]) : fallback
  }

  return { root, problems }
}

function scalarOf(value: unknown, source: string | undefined, line: number): FrontMatterValue {
  if (typeof value === 'string') return { kind: 'scalar', line, text: value, value }
  if (typeof value === 'number' || typeof value === 'boolean') {
    return { kind: 'scalar', line, text: source ?? String(value), value }
  }
  return { kind: 'empty', line }
}

type Trouble = Pick<PlanProblem, 'problem' | 'remedy'>

const nestedTooDeep: Trouble = {
  problem: `expected at most ${MAX_DEPTH} levels of nesting`,
  remedy: 'Flatten the value; no key needs more than a list of keys and values.',
}
const mergeKey: Trouble = {
  problem: 'expected plain keys, found the merge key `<<`',
  remedy: 'Write the keys out.',
}

function aliasFor(source: string): Trouble {
  return {
    problem: `expected a plain value, found \`*${inertText(source)}\`, which YAML reads as an alias`,
    remedy: `Put text that starts with * in quotes, like "*${inertText(source)}"; aliases are refused.`,
  }
}

function anchorFor(anchor: string): Trouble {
  return {
    problem: `expected a plain value, found the YAML anchor \`&${inertText(anchor)}\``,
    remedy: 'Delete the anchor, or put text that starts with & in quotes; anchors are refused.',
  }
}

function tagFor(tag: string): Trouble {
  return {
    problem: `expected a plain value, found the YAML tag \`${inertText(tag.replace(/^tag:yaml\.org,2002:/, '!!'))}\``,
    remedy: 'Delete the tag, or put text that starts with ! in quotes; tags are refused.',
  }
}

function duplicateOf(key: string, firstLine: number): Trouble {
  return {
    problem: `expected each key once, found \`${inertText(key)}\` again (first on line ${firstLine})`,
    remedy: 'Keep one of the two lines.',
  }
}

function notAMap(value: FrontMatterValue): PlanProblem {
  const found = value.kind === 'scalar' ? `\`${inertText(value.text)}\`` : `a ${value.kind}`
  return {
    field: 'front matter',
    line: value.line,
    problem: `expected lines like \`key: value\`, found ${found}`,
    remedy: 'Write each entry as a key, a colon, a space and a value.',
    paste: 'title: What should be done',
  }
}
