/** US dollars per million tokens, which is the same number as micro-dollars per token. */
export type Price = {
  readonly input: number
  readonly output: number
  /** Writing the cache for five minutes, the only lifetime DevBot asks for. */
  readonly cacheWrite: number
  readonly cacheRead: number
}

/** What one model costs, and who said so when. */
export type PriceRow = Price & {
  readonly model: string
  /** Where a long prompt costs more: the price of the whole request once its input exceeds `overTokens`. */
  readonly longPrompt?: (Price & { readonly overTokens: number }) | undefined
  readonly source: string
  /** Day on which the source said so, `2026-10-24`. */
  readonly date: string
}

const PRICING_PAGE = 'platform.claude.com/docs/en/about-claude/pricing'

/** The prices DevBot knows by itself; `MODEL_PRICES_FILE` adds to them and replaces them. docs/models.md shows them. */
export const KNOWN_PRICES: readonly PriceRow[] = [
  {
    model: 'claude-fable-5-2',
    ...{ input: 8, output: 40, cacheWrite: 10, cacheRead: 0.2 },
    // The vendor's own list was not seen with this row; two resellers quote it alike the day after the release.
    source: 'docs.apiyi.com and docs.laozhang.ai, quoting the list price',
    date: '2026-11-10',
  },
  {
    model: 'claude-fable-5-1',
    ...{ input: 10, output: 50, cacheWrite: 12.5, cacheRead: 0.25 },
    source: PRICING_PAGE,
    date: '2026-10-24',
  },
  {
    model: 'claude-fable-5',
    ...{ input: 10, output: 50, cacheWrite: 12.5, cacheRead: 1 },
    source: PRICING_PAGE,
    date: '2026-10-24',
  },
  {
    model: 'claude-opus-5-5',
    ...{ input: 4, output: 20, cacheWrite: 5, cacheRead: 0.2 },
    source: 'platform.claude.com/docs/en/models/opus-5-5/overview',
    date: '2026-10-24',
  },
  {
    model: 'claude-opus-5',
    ...{ input: 5, output: 25, cacheWrite: 6.25, cacheRead: 0.5 },
    source: PRICING_PAGE,
    date: '2026-10-24',
  },
  {
    model: 'claude-sonnet-5-5',
    // Cache reads cost 0.20 until 2026-10-07.
    ...{ input: 2, output: 10, cacheWrite: 2.5, cacheRead: 0.1 },
    source: 'platform.claude.com/docs/en/models/sonnet-5-5/migration-guide',
    date: '2026-10-24',
  },
  {
    model: 'claude-sonnet-5',
    ...{ input: 2, output: 10, cacheWrite: 2.5, cacheRead: 0.2 },
    source: 'platform.claude.com/docs/en/models/sonnet-5/overview',
    date: '2026-10-24',
  },
  {
    model: 'claude-haiku-5-5',
    ...{ input: 0.1, output: 0.5, cacheWrite: 0.125, cacheRead: 0.01 },
    longPrompt: { overTokens: 100_000, input: 0.5, output: 2.5, cacheWrite: 0.625, cacheRead: 0.05 },
    source: 'platform.claude.com/docs/en/models/haiku-5-5/overview',
    date: '2026-10-24',
  },
  {
    model: 'claude-haiku-4-5',
    ...{ input: 1, output: 5, cacheWrite: 1.25, cacheRead: 0.1 },
    source: PRICING_PAGE,
    date: '2026-10-24',
  },
]

/** What models cost. A model without a price is counted at the dearest of each column, so that it can only end a run early. */
export type PriceTable = {
  readonly priceOf: (model: string, promptTokens: number) => Price
  readonly knows: (model: string) => boolean
}

/** The known prices, with these rows added or in place of theirs. */
export function createPriceTable(rows: readonly PriceRow[] = []): PriceTable {
  const byModel = new Map([...KNOWN_PRICES, ...rows].map((row) => [row.model, row]))
  const dearest = dearestOf([...byModel.values()])
  // A dated name (`claude-haiku-4-5-20251001`) costs what its family costs, unless it has a row of its own.
  const rowOf = (model: string) => byModel.get(model) ?? byModel.get(model.replace(/-\d{8}$/, ''))
  return {
    knows: (model) => rowOf(model) !== undefined,
    priceOf(model, promptTokens) {
      const row = rowOf(model)
      if (row === undefined) return dearest
      return row.longPrompt !== undefined && promptTokens > row.longPrompt.overTokens ? row.longPrompt : row
    },
  }
}

function dearestOf(rows: readonly PriceRow[]): Price {
  const prices = rows.flatMap((row): Price[] => (row.longPrompt === undefined ? [row] : [row, row.longPrompt]))
  const highest = (column: keyof Price) => Math.max(...prices.map((price) => price[column]))
  return {
    input: highest('input'),
    output: highest('output'),
    cacheWrite: highest('cacheWrite'),
    cacheRead: highest('cacheRead'),
  }
}
