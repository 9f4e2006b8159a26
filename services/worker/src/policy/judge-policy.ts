import { isImageAllowed, type PlanProblem, type Policy } from '@devbot/contracts'
import { isGlob } from '@devbot/git'
import type { WorkerSettings } from '../deps.ts'
import type { FoundPolicy } from './read-policy.ts'

type OperatorChoices = Pick<WorkerSettings, 'branchPrefix' | 'model' | 'modelsAllowed' | 'imagesAllowed'>

/** What the operator does not allow of a policy, each with its line; and globs that could never match. */
export function judgePolicy({ policy, lines }: FoundPolicy, settings: OperatorChoices): readonly PlanProblem[] {
  const at = (key: keyof Policy) => (lines[key] === undefined ? {} : { line: lines[key] })
  return [
    ...imageProblems(policy, settings).map((problem) => ({ ...problem, ...at(problem.key) })),
    ...branchPrefixProblems(policy, settings).map((problem) => ({ ...problem, ...at('branch_prefix') })),
    ...modelProblems(policy, settings).map((problem) => ({ ...problem, ...at('model') })),
    ...globProblems(policy).map((problem) => ({ ...problem, ...at('paths') })),
  ]
}

function imageProblems(policy: Policy, { imagesAllowed }: OperatorChoices) {
  const wanted = [
    ...(policy.image === undefined ? [] : [{ key: 'image' as const, field: 'image', image: policy.image }]),
    ...(policy.services ?? []).map(({ name, image }) => ({
      key: 'services' as const,
      field: `services.${name}.image`,
      image,
    })),
  ]
  return wanted
    .filter(({ image }) => !isImageAllowed(image, imagesAllowed))
    .map(({ key, field, image }) => ({
      key,
      field,
      problem: `the operator does not allow the image ${image}; allowed: ${imagesAllowed.join(', ')}`,
      remedy: 'Choose one of those, or add it to IMAGES_ALLOWED.',
    }))
}

function branchPrefixProblems({ branch_prefix: prefix }: Policy, { branchPrefix }: OperatorChoices) {
  if (prefix === undefined || prefix.startsWith(branchPrefix)) return []
  return [
    {
      field: 'branch_prefix',
      problem: `expected a prefix that begins with the operator's BRANCH_PREFIX, ${branchPrefix}, found ${prefix}`,
      remedy: `Write one like ${branchPrefix}${prefix}`,
      paste: `branch_prefix: ${branchPrefix}${prefix}`,
    },
  ]
}

function modelProblems({ model }: Policy, settings: OperatorChoices) {
  const allowed = [...new Set([settings.model, ...settings.modelsAllowed])]
  if (model === undefined || allowed.includes(model)) return []
  return [
    {
      field: 'model',
      problem: `the operator does not allow the model ${model}; allowed: ${allowed.join(', ')}`,
      remedy: 'Choose one of those, or add it to MODELS_ALLOWED.',
      paste: `model: ${settings.model}`,
    },
  ]
}

function globProblems({ paths }: Policy) {
  return (['protected', 'allowed'] as const).flatMap((key) =>
    (paths?.[key] ?? [])
      .filter((glob) => !isGlob(glob))
      .map((glob) => ({
        field: `paths.${key}`,
        problem: `expected a glob, found \`${glob}\`, which can match nothing`,
        remedy: 'Close its brackets, or write the path as it is.',
      })),
  )
}
