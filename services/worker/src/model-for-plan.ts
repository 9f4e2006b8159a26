import { DevBotError, type Plan, type Policy } from '@devbot/contracts'
import type { WorkerSettings } from './deps.ts'

/**
 * The plan's model if the operator allows it, else the policy's (which `judgePolicy` has looked at), else the operator's.
 * Throws `invalid-input` for a plan's that is not allowed.
 */
export function modelForPlan(
  settings: Pick<WorkerSettings, 'model' | 'modelsAllowed'>,
  plan: Pick<Plan, 'model'>,
  policy: Pick<Policy, 'model'> = {},
): string {
  if (plan.model === undefined) return policy.model ?? settings.model
  if (plan.model === settings.model || settings.modelsAllowed.includes(plan.model)) return plan.model
  const allowed = [...new Set([settings.model, ...settings.modelsAllowed])].join(', ')
  throw new DevBotError({
    category: 'invalid-input',
    code: 'model-not-allowed',
    message: `the plan asks for the model ${plan.model}, which the operator does not allow; allowed: ${allowed}. Change the plan's model, or add it to MODELS_ALLOWED`,
  })
}
