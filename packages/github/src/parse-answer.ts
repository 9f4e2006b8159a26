import { DevBotError } from '@devbot/contracts'
import type { z } from 'zod'

/**
 * Reads an answer of GitHub's by its schema. Throws category `transient`, code `github-unexpected-answer`: what a
 * proxy or a broken server put in place of the answer passes, and retries are limited where tasks are.
 */
export function parseAnswer<T>(schema: z.ZodType<T>, data: unknown, expected: string): T {
  const parsed = schema.safeParse(data)
  if (parsed.success) return parsed.data
  const places = parsed.error.issues.slice(0, 3).map((issue) => issue.path.join('.') || 'the whole')
  throw new DevBotError({
    category: 'transient',
    code: 'github-unexpected-answer',
    message: `expected ${expected} from GitHub, but the answer does not fit at: ${places.join(', ')}; check GITHUB_API_URL and any proxy in between`,
  })
}
