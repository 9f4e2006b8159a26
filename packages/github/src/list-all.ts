import { DevBotError } from '@devbot/contracts'
import { z } from 'zod'
import { parseAnswer } from './parse-answer.ts'

/** Rows per request, the most that GitHub gives. */
export const PAGE_SIZE = 100
/** Ten thousand rows: far beyond any pull request, and an end for a list that never ends. */
const MAX_PAGES = 100

/** All rows of all pages, each read by the schema. Throws category `invalid-input` for a list that does not end. */
export async function listAll<T>(
  pages: AsyncIterable<{ readonly data: unknown }>,
  rowSchema: z.ZodType<T>,
  expected: string,
): Promise<T[]> {
  const rows: T[] = []
  let pageCount = 0
  for await (const page of pages) {
    pageCount += 1
    if (pageCount > MAX_PAGES) throw tooLong(expected)
    rows.push(...parseAnswer(z.array(rowSchema), page.data, expected))
  }
  return rows
}

/** The rows of the first pages only. */
export async function listFirst<T>(
  pages: AsyncIterable<{ readonly data: unknown }>,
  rowSchema: z.ZodType<T>,
  expected: string,
  maxPages: number,
): Promise<T[]> {
  const rows: T[] = []
  let pageCount = 0
  for await (const page of pages) {
    rows.push(...parseAnswer(z.array(rowSchema), page.data, expected))
    pageCount += 1
    if (pageCount === maxPages) break
  }
  return rows
}

function tooLong(expected: string): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'github-list-too-long',
    message: `expected at most ${MAX_PAGES * PAGE_SIZE} of ${expected} from GitHub, but there are more`,
  })
}
