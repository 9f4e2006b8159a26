import type { ErrorEntry, RetryRule } from './error-catalogue/error-entry.ts'
import { GIT_ERRORS } from './error-catalogue/git-errors.ts'
import { GITHUB_ERRORS } from './error-catalogue/github-errors.ts'
import { LEDGER_ERRORS } from './error-catalogue/ledger-errors.ts'
import { MODEL_ERRORS } from './error-catalogue/model-errors.ts'
import { SANDBOX_ERRORS } from './error-catalogue/sandbox-errors.ts'
import { SETTINGS_ERRORS } from './error-catalogue/settings-errors.ts'
import { TASK_ERRORS } from './error-catalogue/task-errors.ts'

/** The catalogue by area, in the order in which people meet them. */
export const ERROR_AREAS = {
  Model: MODEL_ERRORS,
  GitHub: GITHUB_ERRORS,
  git: GIT_ERRORS,
  'Sandboxes and Docker': SANDBOX_ERRORS,
  'Redis and the ledger': LEDGER_ERRORS,
  Tasks: TASK_ERRORS,
  'Settings and commands': SETTINGS_ERRORS,
} as const

const CATALOGUE = {
  ...MODEL_ERRORS,
  ...GITHUB_ERRORS,
  ...GIT_ERRORS,
  ...SANDBOX_ERRORS,
  ...LEDGER_ERRORS,
  ...TASK_ERRORS,
  ...SETTINGS_ERRORS,
} as const

/** Every code a DevBotError may have: one without an entry here does not compile. */
export type ErrorCode = keyof typeof CATALOGUE

const ENTRIES: Readonly<Record<ErrorCode, ErrorEntry>> = CATALOGUE

export function errorEntry(code: ErrorCode): ErrorEntry {
  return ENTRIES[code]
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ENTRIES, text)
}

/** What each rule means, for people. */
export const RETRY_RULES: Readonly<Record<RetryRule, string>> = {
  'at-once': 'goes on at once',
  backoff: 'tried again after 5 s, doubling up to 5 min',
  'asked-wait': 'tried again after the wait that the other side named',
  person: 'held until a person says `devbot start`',
  never: 'not tried again',
}
