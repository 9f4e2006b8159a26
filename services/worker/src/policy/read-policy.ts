import {
  DevBotError,
  inertText,
  MAX_POLICY_BYTES,
  type PlanProblem,
  POLICY_FILE_NAMES,
  type Policy,
  parsePolicy,
  tooLargePolicy,
} from '@devbot/contracts'
import type { FoundFile } from '@devbot/git'
import type { BaseFiles } from './base-files.ts'

export type FoundPolicy = {
  readonly policy: Policy
  /** Its file's name; undefined where the repository has none. */
  readonly file: string | undefined
  /** Where each top key stands. */
  readonly lines: Readonly<Record<string, number>>
}

/** Problems shown in a task's reason; `devbot validate` shows them all. */
const MAX_SHOWN_PROBLEMS = 3

/**
 * The policy of a base branch. Throws `invalid-input`, code `policy-invalid`, which holds the task, for one that cannot be
 * read as it is meant: working without it could do what it forbids.
 */
export function readPolicy(base: Pick<BaseFiles, 'files'>, baseBranch: string): FoundPolicy {
  const found = POLICY_FILE_NAMES.flatMap((name) => {
    const file = base.files.get(name)
    return file === undefined ? [] : [{ name, file }]
  })
  const [first, second] = found
  if (first === undefined) return { policy: {}, file: undefined, lines: {} }
  if (second !== undefined) throw policyInvalid(first.name, baseBranch, [twoFiles(second.name)])
  const parsed = parseFile(first.file)
  if (!parsed.ok) throw policyInvalid(first.name, baseBranch, parsed.problems)
  return { policy: parsed.policy, file: first.name, lines: parsed.lines }
}

function parseFile(file: FoundFile): ReturnType<typeof parsePolicy> {
  if (file.kind === 'file') return parsePolicy(file.bytes)
  const problem = file.kind === 'too-large' ? tooLargePolicy(file.sizeBytes) : noRegularFile(file.kind)
  return { ok: false, problems: [problem] }
}

/** What stops a task until the policy on its base branch is mended. */
export function policyInvalid(file: string, baseBranch: string, problems: readonly PlanProblem[]): DevBotError {
  const shown = problems.slice(0, MAX_SHOWN_PROBLEMS).map(problemText)
  const more = problems.length - shown.length
  return new DevBotError({
    category: 'invalid-input',
    code: 'policy-invalid',
    message: `${file} on ${baseBranch} is not valid: ${shown.join(' ')}${more === 0 ? '' : ` And ${more} more: devbot validate ${file} shows them all.`} Mend it on ${baseBranch}, then start the task again`,
  })
}

function problemText({ line, field, problem, remedy, paste }: PlanProblem): string {
  const where = line === undefined ? '' : `line ${line}, `
  return `${where}${inertText(field)}: ${problem}. ${remedy}${paste === undefined ? '' : ` Right would be: ${paste}`}.`.replace(
    /\.\.$/,
    '.',
  )
}

function twoFiles(second: string): PlanProblem {
  return {
    field: 'file',
    problem: `expected one policy, found ${second} beside it`,
    remedy: 'Keep one of the two files.',
  }
}

function noRegularFile(kind: string): PlanProblem {
  return {
    field: 'file',
    problem: `expected a regular file of at most ${MAX_POLICY_BYTES} bytes, found a ${kind}`,
    remedy: 'Put the policy itself there.',
  }
}
