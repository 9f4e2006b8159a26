import { checkedDuration, DurationError } from './duration-error.ts'
import { UNIT_FACTS, UNITS, type Unit } from './units.ts'

export type DurationParts = Partial<Readonly<Record<Unit, number>>>

/** A duration from its parts: `duration({ hours: 1, minutes: 30 })`. */
export function duration(parts: DurationParts): number {
  let ms = 0
  for (const [name, amount] of Object.entries(parts)) {
    const unit = UNITS.find((candidate) => candidate === name)
    if (unit === undefined) throw new DurationError(`expected one of ${UNITS.join(', ')}, got ${name}`)
    ms += checkedDuration(amount) * UNIT_FACTS[unit].milliseconds
  }
  return ms
}
