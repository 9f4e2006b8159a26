import type { z } from 'zod'
import { decodePlan } from './decode-plan.ts'
import { type FrontMatterEntry, type FrontMatterValue, readFrontMatter } from './front-matter.ts'
import { describeValue, inertDetail, plainData, valueAt } from './front-matter-value.ts'
import { inertText } from './inert-text.ts'
import { nearestKey } from './plan-keys.ts'
import { type PlanProblem, sortedByLine } from './plan-problem.ts'
import { type Policy, policySchema } from './policy.ts'
import { policyKeysBelow, policyRule } from './policy-keys.ts'

/** Largest policy file, in bytes: all lists filled with long entries stay below. */
export const MAX_POLICY_BYTES = 128 * 1024
/** Problems told at once; a file with more has a single cause that these show. */
const MAX_PROBLEMS = 50

export type ParsedPolicy =
  /** `lines`: where each top key stands in the file, for what is found later. */
  | { readonly ok: true; readonly policy: Policy; readonly lines: Readonly<Record<string, number>> }
  | { readonly ok: false; readonly problems: readonly PlanProblem[] }

/**
 * Reads a policy file: YAML 1.2 under the rules of a plan's front matter (no aliases, anchors, tags, merge keys,
 * duplicate keys, deep nesting), but every unknown key is a problem: a protection that is misspelt protects nothing.
 * Never throws; what is wrong comes back all at once, in the order of the file. An empty file is an empty policy.
 */
export function parsePolicy(content: Uint8Array): ParsedPolicy {
  if (content.length > MAX_POLICY_BYTES) return refused([tooLargePolicy(content.length)])
  const decoded = decodePlan(content)
  if (!decoded.ok) return refused([decoded.problem])
  const { entries, problems } = readFrontMatter(decoded.text, 0)
  let policy: Policy = {}
  const found = problems.map(asPolicyProblem)
  for (const entry of entries) {
    if (found.length >= MAX_PROBLEMS) break
    const read = readEntry(entry)
    if (read.ok) policy = { ...policy, ...read.policy }
    else found.push(...read.problems)
  }
  if (found.length > 0) return refused(found)
  return { ok: true, policy, lines: Object.fromEntries(entries.map(({ key, line }) => [key, line])) }
}

/** What is wrong with a policy file of this many bytes; also for one too large to be read at all. */
export function tooLargePolicy(sizeBytes: number): PlanProblem {
  return {
    field: 'file',
    problem: `expected at most ${MAX_POLICY_BYTES} bytes, found ${sizeBytes}`,
    remedy: 'Shorten the file; long commands belong into a script of the repository.',
  }
}

function refused(problems: readonly PlanProblem[]): ParsedPolicy {
  return { ok: false, problems: sortedByLine(problems).slice(0, MAX_PROBLEMS) }
}

/** The YAML reader speaks of front matter; here that is the file. */
function asPolicyProblem({ paste, ...problem }: PlanProblem): PlanProblem {
  if (problem.field !== 'front matter') return paste === undefined ? problem : { ...problem, paste }
  return { ...problem, field: 'file' }
}

type ReadEntry =
  | { readonly ok: true; readonly policy: Policy }
  | { readonly ok: false; readonly problems: readonly PlanProblem[] }

function readEntry(entry: FrontMatterEntry): ReadEntry {
  if (policyRule(entry.key) === undefined || entry.key.includes('.')) {
    return { ok: false, problems: [unknownKey('', entry)] }
  }
  if (entry.value.kind === 'empty') return { ok: true, policy: {} }
  const parsed = policySchema.safeParse({ [entry.key]: convert(entry.key, entry.value) })
  if (parsed.success) return { ok: true, policy: parsed.data }
  const byPlace = new Map<string, PlanProblem>()
  for (const problem of parsed.error.issues.flatMap((issue) => problemsFor(entry, issue))) {
    const place = `${problem.line} ${problem.field}`
    if (!byPlace.has(place)) byPlace.set(place, problem)
  }
  return { ok: false, problems: [...byPlace.values()] }
}

/** The plain data the schema judges; see `PolicyKeyRule.reads`. */
function convert(dottedKey: string, value: FrontMatterValue): unknown {
  const scalar = value.kind === 'scalar' ? value : undefined
  switch (policyRule(dottedKey)?.reads) {
    case 'number':
    case 'flag':
      return scalar === undefined ? plainData(value) : scalar.value
    case 'words':
      return scalar === undefined ? plainData(value) : splitWords(scalar.text)
    case 'globs':
      return scalar === undefined ? plainData(value) : [scalar.text]
    case 'shell':
      return scalar === undefined ? plainData(value) : ['sh', '-c', scalar.text]
    case 'group':
      return value.kind === 'map' ? convertKeys(dottedKey, value.entries) : plainData(value)
    case 'services':
      return convertServices(value)
    default:
      return plainData(value)
  }
}

function splitWords(text: string): readonly string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
}

/** A key without a value is not set. */
function convertKeys(dottedKey: string, entries: readonly FrontMatterEntry[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    entries
      .filter(({ value }) => value.kind !== 'empty')
      .map(({ key, value }) => [key, convert(`${dottedKey}.${key}`, value)]),
  )
}

/** `{ db: {...} }` and `[{ name: db, ... }]` say the same. */
function convertServices(value: FrontMatterValue): unknown {
  const fields = (service: FrontMatterValue) =>
    service.kind === 'map' ? convertKeys('services.*', service.entries) : plainData(service)
  if (value.kind === 'list') return value.items.map(fields)
  if (value.kind !== 'map') return plainData(value)
  return value.entries.map((entry) => {
    const service = fields(entry.value)
    return typeof service === 'object' && service !== null ? { ...service, name: entry.key } : service
  })
}

function problemsFor(entry: FrontMatterEntry, issue: z.core.$ZodIssue): readonly PlanProblem[] {
  const path = issue.path.slice(1)
  const at = valueAt(entry.value, path)
  const dottedKey = ruleKeyFor(entry.key, path)
  if (issue.code === 'unrecognized_keys' && at.kind === 'map') {
    return at.entries
      .filter(({ key }) => issue.keys.includes(key))
      .map((unknown) => unknownKey(dottedKey, unknown, `${fieldFor(dottedKey, entry, path)}.`))
  }
  return [valueProblem(entry, dottedKey, path, at, issue)]
}

/** The dotted key whose rule speaks of a place: `['services', 0, 'env', 'A']` -> `services.*.env`. */
function ruleKeyFor(topKey: string, path: readonly PropertyKey[]): string {
  let dottedKey = topKey
  for (const step of path) {
    const next = dottedKey === 'services' ? 'services.*' : `${dottedKey}.${String(step)}`
    if (next !== 'services.*' && policyRule(next) === undefined) break
    dottedKey = next
  }
  return dottedKey
}

/** How the file calls a place: `services.db.port`. */
function fieldFor(dottedKey: string, entry: FrontMatterEntry, path: readonly PropertyKey[]): string {
  if (!dottedKey.startsWith('services.*')) return dottedKey
  const index = Number(path[0])
  const name = entry.value.kind === 'map' ? entry.value.entries[index]?.key : String(index + 1)
  return dottedKey.replace('*', () => inertText(name ?? '?'))
}

function valueProblem(
  entry: FrontMatterEntry,
  dottedKey: string,
  path: readonly PropertyKey[],
  at: FrontMatterValue,
  issue: z.core.$ZodIssue,
): PlanProblem {
  const rule = policyRule(dottedKey) ?? policyRule('services')
  const last = path.at(-1)
  const missing = at.kind === 'map' && typeof last === 'string' && !at.entries.some(({ key }) => key === last)
  const named = entry.value.kind === 'map' && last === 'name' ? ` (the key of the service)` : ''
  const detail = issue.code === 'custom' ? ` (${inertDetail(issue.message)})` : ''
  const found = missing && named === '' ? 'nothing' : describeValue(at)
  return {
    field: fieldFor(dottedKey, entry, path),
    line: at === entry.value && at.kind !== 'scalar' ? entry.line : at.line,
    problem: `expected ${rule?.expected}${named}, found ${found}${detail}`,
    remedy: 'Write it like the line below, or leave it out.',
    paste: pasteFor(dottedKey, rule?.example ?? ''),
  }
}

/** One line that shows where a key stands: `limits: { max_turns: 50 }`. */
function pasteFor(dottedKey: string, example: string): string {
  const [top = '', ...below] = dottedKey.split('.')
  if (top === 'services' && below.length < 2) return `services: ${policyRule('services')?.example}`
  const inner = below.toReversed().reduce((value, key) => `{ ${key === '*' ? 'db' : key}: ${value} }`, example)
  return `${top}: ${inner}`
}

function unknownKey(parentKey: string, { key, line, value }: FrontMatterEntry, parentField = ''): PlanProblem {
  const keys = policyKeysBelow(parentKey)
  const meant = nearestKey(key, keys)
  const shown = inertText(key)
  const field = `${parentField}${shown}`
  const rule = meant === undefined ? undefined : policyRule(parentKey === '' ? meant : `${parentKey}.${meant}`)
  if (meant === undefined || rule === undefined) {
    return {
      field,
      line,
      problem: `expected one of ${keys.join(', ')}, found \`${shown}\``,
      remedy: 'Delete the key; a policy has no others, so that none is ignored by mistake.',
    }
  }
  const example = value.kind === 'scalar' && typeof value.value !== 'string' ? inertText(value.text) : rule.example
  return {
    field,
    line,
    problem: `expected a key that DevBot knows, found \`${shown}\`, which looks like a misspelt \`${meant}\``,
    remedy: `Write \`${meant}\`.`,
    paste: pasteFor(parentKey === '' ? meant : `${parentKey}.${meant}`, example),
  }
}
