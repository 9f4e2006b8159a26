import type { ReviewFinding } from '@devbot/contracts'
import { z } from 'zod'

/** Findings that a record keeps; `selfReviewSchema` says so too. */
const MAX_FINDINGS = 20
/** Longest answer that is read; 20 findings of 2,000 characters are less. */
const MAX_ANSWER_CHARACTERS = 200_000

const short = (max: number) => z.string().transform((text) => text.trim().slice(0, max))
const answerSchema = z.object({
  findings: z.array(
    z.object({
      severity: z.enum(['critical', 'major', 'minor']),
      path: short(400).nullish(),
      line: z.int().positive().nullish().catch(undefined),
      problem: short(2000).refine((text) => text !== ''),
    }),
  ),
})

const RANK = { critical: 0, major: 1, minor: 2 } as const

/**
 * The findings in a reviewer's answer, the worst first; undefined when it holds no such JSON object. Words around the
 * object are passed over, as models like to add some.
 */
export function readFindings(answer: string): ReviewFinding[] | undefined {
  const text = answer.slice(0, MAX_ANSWER_CHARACTERS)
  const json = text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)
  const parsed = answerSchema.safeParse(parsedJson(json))
  if (!parsed.success) return undefined
  return parsed.data.findings
    .toSorted((one, other) => RANK[one.severity] - RANK[other.severity])
    .slice(0, MAX_FINDINGS)
    .map(({ severity, path, line, problem }) => ({
      severity,
      problem,
      ...(path === undefined || path === null || path === '' ? {} : { path }),
      ...(line === undefined || line === null ? {} : { line }),
    }))
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON: the caller says that the answer could not be read.
    return undefined
  }
}
