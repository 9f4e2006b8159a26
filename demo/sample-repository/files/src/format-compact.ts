import { checkedDuration } from './duration-error.ts'
import { splitUnits } from './split-units.ts'
import { UNIT_FACTS, UNITS } from './units.ts'

/** The shortest form that `parseDuration` reads back: `1h30m`, `-2d`, `0s`. Parts of a millisecond are rounded. */
export function formatCompact(ms: number): string {
  const whole = Math.round(Math.abs(checkedDuration(ms)))
  if (whole === 0) return '0s'
  const parts = splitUnits(whole)
  const text = UNITS.flatMap((unit) => {
    const amount = parts[unit]
    return amount === undefined ? [] : [`${amount}${UNIT_FACTS[unit].symbol}`]
  })
  return (ms < 0 ? '-' : '') + text.join('')
}
