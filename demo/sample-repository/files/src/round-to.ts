import { checkedDuration } from './duration-error.ts'
import { UNIT_FACTS, type Unit } from './units.ts'

/** The nearest duration of whole units; halves are rounded away from zero. */
export function roundTo(ms: number, unit: Unit): number {
  const size = UNIT_FACTS[unit].milliseconds
  const rounded = Math.round(Math.abs(checkedDuration(ms)) / size) * size
  return ms < 0 && rounded !== 0 ? -rounded : rounded
}
