import type { z } from 'zod'
import type { FrontMatterEntry, FrontMatterValue } from './front-matter.ts'
import { describeValue, inertDetail, plainData, valueAt } from './front-matter-value.ts'
import { inertText } from './inert-text.ts'
import { type PlanFrontMatter, planFrontMatterSchema } from './plan.ts'
import { isPlanKey, meantKey, nearestWord, PLAN_KEYS, type PlanKey, type PlanKeyRule } from './plan-keys.ts'
import type { PlanProblem } from './plan-problem.ts'

/** Keys that could only be meant to reach a prototype. */
const NEVER_KEYS = new Set(['__proto__', 'constructor', 'prototype'])
/** Remarks on unknown keys kept for the report; more would not be read. */
const MAX_NOTES = 20

export type ReadKeys = {
  readonly values: PlanFrontMatter
  readonly problems: readonly PlanProblem[]
  readonly notes: readonly string[]
}

/**
 * Checks each front matter entry against the schema. How values are read, as people expect them: an empty value means
 * that the key is not set; numbers and booleans where text is expected are taken as written (`title: 404`); where a list
 * is expected, one text is a list too, cut at commas (`tags: docs, api`; not `paths`, whose globs may hold commas); an
 * acceptance criterion may be a plain text. Nothing else is converted: `max_turns: "20"` is a problem.
 */
export function readPlanKeys(entries: readonly FrontMatterEntry[]): ReadKeys {
  let values: PlanFrontMatter = {}
  const problems: PlanProblem[] = []
  const notes: string[] = []
  for (const entry of entries) {
    if (!isPlanKey(entry.key)) {
      const problem = unknownKeyProblem(entry)
      if (problem !== undefined) problems.push(problem)
      else if (notes.length < MAX_NOTES) notes.push(unknownKeyNote(entry))
      continue
    }
    const read = readKey(entry.key, entry)
    if (read.ok) values = { ...values, ...read.values }
    else problems.push(...read.problems)
  }
  return { values, problems, notes }
}

function unknownKeyProblem(entry: FrontMatterEntry): PlanProblem | undefined {
  const shown = inertText(entry.key)
  if (NEVER_KEYS.has(entry.key)) {
    return {
      field: shown,
      line: entry.line,
      problem: `expected a key of a plan, found \`${shown}\`, which is refused`,
      remedy: 'Delete this line.',
    }
  }
  const meant = meantKey(entry.key)
  if (meant === undefined) return undefined
  return {
    field: shown,
    line: entry.line,
    problem: `expected a key that DevBot knows, found \`${shown}\`, which looks like a misspelt \`${meant}\``,
    remedy: `Write \`${meant}\`, or choose a more different name for a key of your own.`,
    paste: `${meant}: ${entry.value.kind === 'scalar' ? yamlScalar(entry.value) : PLAN_KEYS[meant].example}`,
  }
}

function unknownKeyNote(entry: FrontMatterEntry): string {
  return `The front matter key \`${inertText(entry.key)}\` (line ${entry.line}) is not one of DevBot's and was ignored.`
}

type ReadKey =
  | { readonly ok: true; readonly values: PlanFrontMatter }
  | { readonly ok: false; readonly problems: readonly PlanProblem[] }

function readKey(key: PlanKey, entry: FrontMatterEntry): ReadKey {
  if (entry.value.kind === 'empty') return { ok: true, values: {} }
  const rule = PLAN_KEYS[key]
  const value = convert(entry.value, rule.reads)
  const parsed = planFrontMatterSchema.safeParse({ [key]: value })
  if (parsed.success) return { ok: true, values: parsed.data }
  const byLine = new Map<number, PlanProblem>()
  for (const issue of parsed.error.issues) {
    const at = valueAt(entry.value, issue.path.slice(1))
    if (!byLine.has(at.line)) byLine.set(at.line, problemFor(key, rule, entry, at, issue))
  }
  return { ok: false, problems: [...byLine.values()] }
}

/** The plain data the schema judges. */
function convert(value: FrontMatterValue, reads: PlanKeyRule['reads']): unknown {
  switch (reads) {
    case 'number':
    case 'flag':
      return value.kind === 'scalar' ? value.value : plainData(value)
    case 'text':
    case 'choice':
      return plainData(value)
    case 'words':
      return value.kind === 'scalar' ? words(value.text) : plainData(value)
    case 'globs':
      return value.kind === 'scalar' ? [value.text] : plainData(value)
    case 'criteria':
      if (value.kind === 'list') return value.items.map(criterion)
      return value.kind === 'scalar' ? [criterion(value)] : plainData(value)
  }
}

function words(text: string): readonly string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
}

function criterion(value: FrontMatterValue): unknown {
  return value.kind === 'scalar' ? { criterion: value.text } : plainData(value)
}

function problemFor(
  key: PlanKey,
  rule: PlanKeyRule,
  entry: FrontMatterEntry,
  at: FrontMatterValue,
  issue: z.core.$ZodIssue,
): PlanProblem {
  // Our own refinements say exactly what is wrong with a branch name or a path.
  const detail = issue.code === 'custom' ? ` (${inertDetail(issue.message)})` : ''
  return {
    field: key,
    // An entry's own line when the whole value is meant: a block value starts below its key.
    line: at === entry.value && at.kind !== 'scalar' ? entry.line : at.line,
    problem: `expected ${rule.expected}, found ${describeValue(at)}${detail}`,
    remedy: `Write \`${key}\` like the line below${rule.choices === undefined ? '' : ', with the word you mean'}, or leave it out.`,
    paste: `${key}: ${suggestion(rule, at)}`,
  }
}

/** The nearest right value: the closest choice, the nearest end of a range, the number inside quotes, else the example. */
function suggestion(rule: PlanKeyRule, value: FrontMatterValue): string {
  if (value.kind !== 'scalar') return rule.example
  if (rule.choices !== undefined) return nearestWord(value.text, rule.choices) ?? rule.example
  if (rule.range === undefined) return rule.example
  const number = Number(value.text.replace(/^[$€\s]+/, ''))
  if (value.text.trim() === '' || !Number.isFinite(number)) return rule.example
  const clamped = Math.min(Math.max(number, rule.range.min), rule.range.max)
  return String(Number.isInteger(rule.range.min) ? Math.ceil(clamped) : clamped)
}

function yamlScalar(value: Extract<FrontMatterValue, { kind: 'scalar' }>): string {
  if (typeof value.value !== 'string') return inertText(value.text)
  return /^[A-Za-z0-9][\w ./-]*$/.test(value.text) && value.text.length <= 60
    ? value.text
    : JSON.stringify(inertText(value.text))
}
