import { checkedDuration } from './duration-error.ts'
import { UNIT_FACTS, UNITS, type Unit } from './units.ts'

export type SplitDuration = { readonly [Name in Unit]?: number }

/**
 * A duration as whole amounts of the given units, all of them unless said otherwise; zero amounts are left out. The
 * smallest unit takes what is left, decimals included.
 */
export function splitUnits(ms: number, units: readonly Unit[] = UNITS): SplitDuration {
  const ordered = UNITS.filter((unit) => units.includes(unit))
  const parts: { [Name in Unit]?: number } = {}
  let rest = Math.abs(checkedDuration(ms))
  for (const [index, unit] of ordered.entries()) {
    const size = UNIT_FACTS[unit].milliseconds
    const last = index === ordered.length - 1
    const amount = last ? rest / size : Math.floor(rest / size)
    rest -= amount * size
    if (amount !== 0) parts[unit] = amount
  }
  return parts
}
