import type { Plan, Policy, RunRecord } from '@devbot/contracts'
import type { SandboxSpec } from '@devbot/sandbox'
import type { WorkerSettings } from '../deps.ts'
import { modelForPlan } from '../model-for-plan.ts'
import { detectTestCommand, suggestSetup, type TestCommand } from '../test-command.ts'
import type { BaseFiles } from './base-files.ts'
import { judgePolicy } from './judge-policy.ts'
import { type FoundPolicy, policyInvalid } from './read-policy.ts'
import type { Scope } from './scope.ts'

/** What a run goes by: the plan, the policy of the base branch and the operator's choices, brought together. */
export type RunRules = {
  /** The plan with what it leaves open taken from the policy, and the lower of their limits. */
  readonly plan: Plan
  readonly model: string
  readonly test: TestCommand | undefined
  readonly lint: string | undefined
  readonly maxRounds: number
  /** Of the whole task, of every kind. */
  readonly maxTokens: number
  /** What the run's sandboxes are to be like, beyond the operator's settings. */
  readonly sandbox: Pick<SandboxSpec, 'image' | 'services' | 'egressAllow'>
  readonly protectedPaths: readonly ProtectedPaths[]
  readonly scopes: readonly Scope[]
  /** The policy's wish; absent: the operator's setting decides. */
  readonly selfReview: boolean | undefined
  readonly branchPrefix: string | undefined
  readonly pullRequest: NonNullable<RunRecord['pullRequest']>
  /** Remarks for the report. */
  readonly notes: readonly string[]
}

/** What the operator has a say in here. */
export type RuleSettings = Pick<
  WorkerSettings,
  | 'branchPrefix'
  | 'model'
  | 'modelsAllowed'
  | 'imagesAllowed'
  | 'egressFromPolicy'
  | 'protectedPaths'
  | 'maxRounds'
  | 'maxTokens'
>

export type ProtectedPaths = { readonly globs: readonly string[]; readonly saidBy: string }

/**
 * Brings them together. The plan wins over the policy for `test`, `setup`, `workdir` and `model`; limits are the lowest
 * of all three; labels and reviewers are those of both. Throws `invalid-input`: `policy-invalid`, `model-not-allowed`.
 */
export function rulesForRun(
  settings: RuleSettings,
  plan: Plan,
  found: FoundPolicy,
  base: BaseFiles,
  baseBranch: string,
): RunRules {
  const { policy, file } = found
  const problems = judgePolicy(found, settings)
  if (file !== undefined && problems.length > 0) throw policyInvalid(file, baseBranch, problems)
  const merged = planWithPolicy(plan, policy)
  return {
    plan: merged,
    model: modelForPlan(settings, plan, policy),
    test: testCommandFor(plan, found, base, merged.workdir),
    lint: policy.lint,
    maxRounds: Math.min(policy.limits?.max_rounds ?? settings.maxRounds, settings.maxRounds),
    maxTokens: Math.min(policy.limits?.max_tokens ?? settings.maxTokens, settings.maxTokens),
    sandbox: sandboxFor(settings, policy),
    protectedPaths: [
      { globs: settings.protectedPaths, saidBy: 'PROTECTED_PATHS' },
      { globs: policy.paths?.protected ?? [], saidBy: file ?? 'the policy' },
    ],
    scopes: scopesFor(plan, found),
    selfReview: policy.self_review,
    branchPrefix: policy.branch_prefix,
    pullRequest: {
      draft: policy.pull_request?.draft ?? false,
      labels: [...new Set([...(plan.labels ?? []), ...(policy.pull_request?.labels ?? [])])],
      reviewers: [...new Set([...(plan.reviewers ?? []), ...(policy.pull_request?.reviewers ?? [])])],
    },
    notes: [...egressNotes(settings, found), ...setupNotes(merged, base)],
  }
}

/** The folder that a run works in, as far as plan and policy say. */
export function workdirFor(plan: Pick<Plan, 'workdir'>, policy: Pick<Policy, 'workdir'>): string | undefined {
  return plan.workdir ?? policy.workdir
}

function planWithPolicy(plan: Plan, policy: Policy): Plan {
  const { limits = {} } = policy
  return {
    ...plan,
    ...defined('setup', plan.setup ?? policy.setup),
    ...defined('workdir', workdirFor(plan, policy)),
    ...defined('max_turns', lower(plan.max_turns, limits.max_turns)),
    ...defined('budget_usd', lower(plan.budget_usd, limits.budget_usd)),
    ...defined('max_minutes', lower(plan.max_minutes, limits.max_minutes)),
  }
}

function defined<Key extends keyof Plan>(key: Key, value: Plan[Key] | undefined): Partial<Plan> {
  return value === undefined ? {} : { [key]: value }
}

function lower(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return Math.min(one, other)
}

function testCommandFor(
  plan: Plan,
  { policy, file }: FoundPolicy,
  base: BaseFiles,
  workdir: string | undefined,
): TestCommand | undefined {
  if (plan.test !== undefined) return { command: plan.test, why: 'the plan says so' }
  if (policy.test !== undefined) return { command: policy.test, why: `${file} says so` }
  return detectTestCommand(base, workdir)
}

function sandboxFor({ egressFromPolicy }: RuleSettings, policy: Policy): RunRules['sandbox'] {
  return {
    ...(policy.image === undefined ? {} : { image: policy.image }),
    ...(policy.services === undefined || policy.services.length === 0 ? {} : { services: policy.services }),
    ...(policy.egress === undefined || !egressFromPolicy ? {} : { egressAllow: policy.egress }),
  }
}

function scopesFor(plan: Plan, { policy, file }: FoundPolicy): readonly Scope[] {
  return [
    ...(plan.paths === undefined || plan.paths.length === 0 ? [] : [{ saidBy: 'the plan', globs: plan.paths }]),
    ...(policy.paths?.allowed === undefined ? [] : [{ saidBy: file ?? 'the policy', globs: policy.paths.allowed }]),
  ]
}

function egressNotes({ egressFromPolicy }: RuleSettings, { policy, file }: FoundPolicy): readonly string[] {
  if (policy.egress === undefined || policy.egress.length === 0 || egressFromPolicy) return []
  return [
    `${file} asks for connections to ${policy.egress.join(', ')}, which the operator has not allowed: set EGRESS_FROM_POLICY=true, or add them to EGRESS_ALLOW`,
  ]
}

function setupNotes(plan: Pick<Plan, 'setup' | 'workdir'>, base: BaseFiles): readonly string[] {
  const suggestion = plan.setup === undefined ? suggestSetup(base, plan.workdir) : undefined
  if (suggestion === undefined) return []
  return [
    `no setup command is known, and none was run; if the tests need what ${suggestion.why} names, write \`setup: ${suggestion.command}\` into .devbot.yml or the plan`,
  ]
}
