import { UNIT_FACTS, type Unit } from './units.ts'

/** An amount with its unit in words: `1 hour`, `2 hours`, `0 seconds`. */
export function plural(amount: number, unit: Unit): string {
  return `${amount} ${amount === 1 ? UNIT_FACTS[unit].singular : unit}`
}
