import { inertText, type Plan, type PlanLines, type PlanProblem, type RepositoryName } from '@devbot/contracts'

/** What the operator allows a plan to ask for. */
export type PlanRules = {
  readonly repositories: { readonly default: RepositoryName; readonly allowed: readonly RepositoryName[] }
  readonly branchPrefix: string
}

export type JudgedPlan =
  | { readonly ok: true; readonly repository: RepositoryName }
  | { readonly ok: false; readonly problems: readonly PlanProblem[] }

/** Judges a readable plan by the operator's rules: which repository it is for, or why not. Pure. */
export function judgePlan(
  plan: Pick<Plan, 'repo' | 'branch' | 'base'>,
  lines: PlanLines,
  rules: PlanRules,
): JudgedPlan {
  const repository = allowedRepository(plan.repo, rules)
  const problems = [
    ...(repository === undefined ? [repositoryProblem(plan, lines, rules)] : []),
    ...branchProblems(plan, lines, rules),
  ]
  if (repository === undefined || problems.length > 0) return { ok: false, problems }
  return { ok: true, repository }
}

/** In the operator's spelling, because GitHub ignores case and the identity of a task must not depend on it. */
function allowedRepository(wanted: string | undefined, rules: PlanRules): RepositoryName | undefined {
  if (wanted === undefined) return rules.repositories.default
  return allowedNames(rules).find((name) => name.toLowerCase() === wanted.toLowerCase())
}

function allowedNames(rules: PlanRules): readonly RepositoryName[] {
  return [...new Set([rules.repositories.default, ...rules.repositories.allowed])]
}

function repositoryProblem(plan: Pick<Plan, 'repo'>, lines: PlanLines, rules: PlanRules): PlanProblem {
  const names = allowedNames(rules)
  return {
    field: 'repo',
    ...lineOf(lines, 'repo'),
    problem: `expected ${names.length === 1 ? '' : 'one of '}${names.map((name) => `\`${name}\``).join(', ')}, found \`${inertText(plan.repo ?? '')}\``,
    remedy: 'Name an allowed repository, or let the operator add this one to ALLOWED_REPOS.',
    paste: `repo: ${rules.repositories.default}`,
  }
}

function branchProblems(
  plan: Pick<Plan, 'branch' | 'base'>,
  lines: PlanLines,
  rules: PlanRules,
): readonly PlanProblem[] {
  if (plan.branch === undefined) return []
  if (plan.branch === plan.base) {
    return [
      branchProblem(lines, `expected another branch than the base \`${inertText(plan.base)}\``, rules, 'my-topic'),
    ]
  }
  if (plan.branch.startsWith(rules.branchPrefix) && plan.branch.length > rules.branchPrefix.length) return []
  const lastPart = plan.branch.replace(/^.*\//, '')
  const found = `expected a branch below \`${rules.branchPrefix}\`, found \`${inertText(plan.branch)}\``
  return [branchProblem(lines, found, rules, lastPart)]
}

function branchProblem(lines: PlanLines, problem: string, rules: PlanRules, name: string): PlanProblem {
  return {
    field: 'branch',
    ...lineOf(lines, 'branch'),
    problem,
    remedy: 'Name a branch that only this plan uses, or leave `branch` out: DevBot then makes a name itself.',
    paste: `branch: ${rules.branchPrefix}${name}`,
  }
}

/** The plan's own branch belongs to another task. */
export function branchTakenProblem(branch: string, takenBy: string, lines: PlanLines): PlanProblem {
  return {
    field: 'branch',
    ...lineOf(lines, 'branch'),
    problem: `expected a branch that no other plan uses, found \`${inertText(branch)}\`, which task ${takenBy} has`,
    remedy: 'Choose another name, or leave `branch` out: DevBot then makes a name itself.',
  }
}

/** The file says exactly what another plan file says. */
export function copyProblem(firstPlanPath: string): PlanProblem {
  const first = inertText(firstPlanPath)
  return {
    field: 'file',
    problem: `expected a plan of its own, found the very same content as in \`${first}\`, which was first`,
    remedy: `Delete this file, or change its text. When \`${first}\` goes away, this file takes its place.`,
  }
}

function lineOf(lines: PlanLines, key: string): { readonly line?: number } {
  const line = lines[key]
  return line === undefined ? {} : { line }
}
