import { distance } from 'fastest-levenshtein'
import type { PlanFrontMatter } from './plan.ts'
import { planFrontMatterSchema } from './plan.ts'

export type PlanKey = keyof PlanFrontMatter

export type PlanKeyRule = {
  /**
   * How a value is read. `words` is a list that may also be one text, cut at commas; `globs` is a list or one text, not
   * cut, because a glob may hold a comma; `choice` is a text out of `choices`.
   */
  readonly reads: 'text' | 'choice' | 'number' | 'flag' | 'words' | 'globs' | 'criteria'
  /** Completes "expected ...". */
  readonly expected: string
  /** A value that is right, as it would be written in the file. */
  readonly example: string
  readonly choices?: readonly string[]
  readonly range?: { readonly min: number; readonly max: number }
}

/** The choices of an enumeration, taken from the schema so that they are said once. */
function choice(key: 'status' | 'priority' | 'estimated_complexity' | 'approval', example: string): PlanKeyRule {
  const choices = planFrontMatterSchema.shape[key].unwrap().options
  const expected = choices.length === 1 ? `only \`${choices[0]}\`` : `one of ${choices.join(', ')}`
  return { reads: 'choice', expected, example, choices }
}

/** What each key takes, in words; the schema in `plan.ts` decides. */
export const PLAN_KEYS: Readonly<Record<PlanKey, PlanKeyRule>> = {
  filename: { reads: 'text', expected: 'one line of 1 to 255 characters', example: '250102__PLAN__topic.md' },
  title: { reads: 'text', expected: 'one line of 1 to 200 characters', example: 'What should be done' },
  date: { reads: 'text', expected: 'a date of at most 64 characters', example: '2025-01-02' },
  status: choice('status', 'ready'),
  priority: choice('priority', 'medium'),
  tags: { reads: 'words', expected: 'a list of at most 32 words of 1 to 64 characters', example: '[docs, api]' },
  estimated_complexity: choice('estimated_complexity', 'moderate'),
  repo: { reads: 'text', expected: 'owner/name, without an address before it', example: 'octo-org/hello' },
  base: { reads: 'text', expected: 'the name of an existing branch', example: 'main' },
  branch: { reads: 'text', expected: 'a branch name under the configured prefix', example: 'agent/my-topic' },
  test: { reads: 'text', expected: 'one command line of 1 to 1000 characters', example: 'npm test' },
  setup: { reads: 'text', expected: 'one command line of 1 to 1000 characters', example: 'npm ci' },
  workdir: {
    reads: 'text',
    expected: 'a folder inside the repository, without . or .. (leave the key out for the root)',
    example: 'packages/api',
  },
  model: { reads: 'text', expected: 'a model name of 1 to 100 characters', example: 'claude-sonnet-5-5' },
  max_turns: {
    reads: 'number',
    expected: 'a whole number from 1 to 1000',
    example: '50',
    range: { min: 1, max: 1000 },
  },
  budget_usd: {
    reads: 'number',
    expected: 'a number of dollars above 0 and up to 1000, without a currency sign',
    example: '5',
    range: { min: 0.01, max: 1000 },
  },
  max_minutes: {
    reads: 'number',
    expected: 'a number of minutes above 0 and up to 1440',
    example: '30',
    range: { min: 1, max: 1440 },
  },
  reviewers: { reads: 'words', expected: 'a list of at most 15 GitHub names', example: '[octocat]' },
  labels: { reads: 'words', expected: 'a list of at most 20 labels of 1 to 50 characters', example: '[bug]' },
  paths: { reads: 'globs', expected: 'a list of at most 100 globs of 1 to 400 characters', example: '["src/**"]' },
  allow_test_changes: { reads: 'flag', expected: 'true or false', example: 'true' },
  depends_on: {
    reads: 'words',
    expected: 'a list of at most 50 plan file names',
    example: '[250101__PLAN__first.md]',
  },
  approval: choice('approval', 'required'),
  acceptance: {
    reads: 'criteria',
    expected: 'a list of at most 50 entries with `criterion` and, if wanted, `command`, each one line of 1 to 1000',
    example: '[{criterion: "The tests pass", command: "npm test"}]',
  },
}

const KEYS = Object.keys(PLAN_KEYS).filter(isPlanKey)

export function isPlanKey(key: string): key is PlanKey {
  return Object.hasOwn(PLAN_KEYS, key)
}

/** Our longest key is 20 characters; anything much longer cannot be a misspelling of one. */
const MAX_COMPARED_CHARACTERS = 32

/** Which plan key an unknown key was probably meant to be; see `nearestKey`. */
export function meantKey(unknownKey: string): PlanKey | undefined {
  return nearestKey(unknownKey, KEYS)
}

/**
 * Which of our keys an unknown key was probably meant to be: the same word but for case, `-`, `_` and spaces, or at
 * most two edits away. Our four-letter keys are close to too many ordinary words (`name` is two edits from `base`), so
 * for them it is one edit or the same letters in another order.
 */
export function nearestKey<Key extends string>(unknownKey: string, keys: readonly Key[]): Key | undefined {
  if (unknownKey.length > MAX_COMPARED_CHARACTERS) return undefined
  const ranked = keys
    .map((key) => ({ key, edits: editsBetween(unknownKey, key) }))
    .filter(({ key, edits }) => edits <= allowedEdits(unknownKey, key))
    .toSorted((one, other) => one.edits - other.edits)
  return ranked[0]?.key
}

function editsBetween(unknownKey: string, key: string): number {
  return Math.min(distance(unknownKey.toLowerCase(), key), distance(plain(unknownKey), plain(key)))
}

function allowedEdits(unknownKey: string, key: string): number {
  return key.length > 4 || sameLetters(unknownKey, key) ? 2 : 1
}

function sameLetters(one: string, other: string): boolean {
  return [...plain(one)].toSorted().join('') === [...plain(other)].toSorted().join('')
}

function plain(key: string): string {
  return key.toLowerCase().replace(/[-_\s]/g, '')
}

/** The nearest of some words, ignoring case; for suggestions only. */
export function nearestWord(word: string, choices: readonly string[]): string | undefined {
  const text = word
    .slice(0, MAX_COMPARED_CHARACTERS)
    .toLowerCase()
    .replace(/[_\s]+/g, '-')
  const ranked = choices
    .map((choice) => ({ choice, edits: distance(text, choice) }))
    .toSorted((one, other) => one.edits - other.edits)
  const best = ranked[0]
  return best !== undefined && best.edits <= Math.max(2, best.choice.length / 3) ? best.choice : undefined
}
