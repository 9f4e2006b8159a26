import { decodePlan } from './decode-plan.ts'
import { readFrontMatter } from './front-matter.ts'
import { type PlanHash, planHashSchema } from './ids.ts'
import { splitFrontMatter } from './split-front-matter.ts'

export type ReportFacts = { readonly planHash: PlanHash; readonly status: string }

/**
 * Which revision of which outcome a report speaks of, read with the same care as a plan. Undefined when the file is not
 * a readable report with `plan_hash` and `status`: then it says nothing.
 */
export function parseReportFacts(content: Uint8Array): ReportFacts | undefined {
  const decoded = decodePlan(content)
  if (!decoded.ok) return undefined
  const split = splitFrontMatter(decoded.text)
  if (split.kind !== 'with') return undefined
  const { entries, problems } = readFrontMatter(split.yaml, 1)
  if (problems.length > 0) return undefined
  const textOf = (key: string) => {
    const value = entries.find((entry) => entry.key === key)?.value
    return value?.kind === 'scalar' ? value.text : undefined
  }
  const planHash = planHashSchema.safeParse(textOf('plan_hash'))
  const status = textOf('status')
  return planHash.success && status !== undefined ? { planHash: planHash.data, status } : undefined
}
