import { DevBotError } from '@devbot/contracts'
import { z } from 'zod'
import type { PriceRow } from './price-table.ts'

/** Far above any price; a number beyond it is a slip of the unit. */
const MAX_USD_PER_MILLION = 10_000
const MAX_ROWS = 500

const usd = z.number('expected US dollars per million tokens').min(0).max(MAX_USD_PER_MILLION)
const price = { input: usd, output: usd, cache_write: usd, cache_read: usd }
const rowSchema = z.strictObject({
  model: z.string().regex(/^[\w./:@-]{1,100}$/, 'expected a model id'),
  ...price,
  long_prompt: z.strictObject({ over_tokens: z.int().min(1), ...price }).optional(),
  source: z.string().min(1).max(500),
  date: z.iso.date('expected a day like 2026-10-24'),
})
const fileSchema = z
  .strictObject({ models: z.array(rowSchema).min(1).max(MAX_ROWS) })
  .superRefine(({ models }, context) => {
    const names = models.map((row) => row.model)
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice !== undefined) context.addIssue({ code: 'custom', path: ['models'], message: `${twice} stands twice` })
  })

/** A file of prices as rows. Throws category `config` naming every place that is wrong; `origin` is the file's name. */
export function parsePrices(value: unknown, origin: string): readonly PriceRow[] {
  const parsed = fileSchema.safeParse(value)
  if (!parsed.success) {
    throw new DevBotError({
      category: 'config',
      code: 'model-prices-invalid',
      message: `MODEL_PRICES_FILE: ${origin} is no list of prices (docs/models.md has an example):\n${z.prettifyError(parsed.error)}`,
    })
  }
  return parsed.data.models.map(({ cache_write, cache_read, long_prompt, ...row }) => ({
    ...row,
    cacheWrite: cache_write,
    cacheRead: cache_read,
    ...(long_prompt === undefined ? {} : { longPrompt: longPromptOf(long_prompt) }),
  }))
}

function longPromptOf(row: NonNullable<z.infer<typeof rowSchema>['long_prompt']>): PriceRow['longPrompt'] {
  const { over_tokens, cache_write, cache_read, ...rest } = row
  return { ...rest, overTokens: over_tokens, cacheWrite: cache_write, cacheRead: cache_read }
}
