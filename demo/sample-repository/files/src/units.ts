/** The units, from the largest to the smallest. */
export const UNITS = ['weeks', 'days', 'hours', 'minutes', 'seconds', 'milliseconds'] as const

export type Unit = (typeof UNITS)[number]

export type UnitFacts = {
  readonly milliseconds: number
  /** How the unit is called when there is one of it. */
  readonly singular: string
  /** The short form that `formatCompact` writes. */
  readonly symbol: string
  /** Everything that `parseDuration` accepts, in lower case. */
  readonly names: readonly string[]
}

export const UNIT_FACTS: Readonly<Record<Unit, UnitFacts>> = {
  weeks: { milliseconds: 604_800_000, singular: 'week', symbol: 'w', names: ['w', 'wk', 'wks', 'week', 'weeks'] },
  days: { milliseconds: 86_400_000, singular: 'day', symbol: 'd', names: ['d', 'day', 'days'] },
  hours: { milliseconds: 3_600_000, singular: 'hour', symbol: 'h', names: ['h', 'hr', 'hrs', 'hour', 'hours'] },
  minutes: { milliseconds: 60_000, singular: 'minute', symbol: 'm', names: ['m', 'min', 'mins', 'minute', 'minutes'] },
  seconds: { milliseconds: 1000, singular: 'second', symbol: 's', names: ['s', 'sec', 'secs', 'second', 'seconds'] },
  milliseconds: {
    milliseconds: 1,
    singular: 'millisecond',
    symbol: 'ms',
    names: ['ms', 'msec', 'msecs', 'millisecond', 'milliseconds'],
  },
}
