import { checkedDuration } from './duration-error.ts'
import { plural } from './plural.ts'
import { splitUnits } from './split-units.ts'
import { UNITS, type Unit } from './units.ts'

export type FormatOptions = {
  /** How many units are shown at most, the largest ones; all of them when absent. */
  readonly largest?: number
  /** The units to use; all but weeks when absent. */
  readonly units?: readonly Unit[]
}

const DEFAULT_UNITS = UNITS.filter((unit) => unit !== 'weeks')

/** A duration in words: `1 hour, 30 minutes`. The last unit that is shown is rounded. */
export function formatDuration(ms: number, options: FormatOptions = {}): string {
  const units = UNITS.filter((unit) => (options.units ?? DEFAULT_UNITS).includes(unit))
  const parts = splitUnits(checkedDuration(ms), units)
  const first = units.findIndex((unit) => (parts[unit] ?? 0) >= 1)
  if (first === -1) return plural(0, units.at(-1) ?? 'milliseconds')

  const shown = units.slice(first, first + (options.largest ?? units.length))
  const amounts = shown.map((unit, index) => {
    const exact = index === shown.length - 1 ? amountFrom(parts, units, unit) : (parts[unit] ?? 0)
    return { unit, amount: Math.round(exact) }
  })
  const words = amounts.filter(({ amount }) => amount > 0).map(({ amount, unit }) => plural(amount, unit))
  return (ms < 0 ? '-' : '') + words.join(', ')
}

/** The amount of a unit together with everything smaller, as a decimal number of that unit. */
function amountFrom(parts: ReturnType<typeof splitUnits>, units: readonly Unit[], unit: Unit): number {
  const sizes: Readonly<Record<Unit, number>> = {
    weeks: 604_800_000,
    days: 86_400_000,
    hours: 3_600_000,
    minutes: 60_000,
    seconds: 1000,
    milliseconds: 1,
  }
  const smaller = units.slice(units.indexOf(unit))
  return smaller.reduce((sum, name) => sum + (parts[name] ?? 0) * sizes[name], 0) / sizes[unit]
}
