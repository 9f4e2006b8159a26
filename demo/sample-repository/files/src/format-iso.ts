import { checkedDuration } from './duration-error.ts'
import { splitUnits } from './split-units.ts'

/** ISO 8601 with days as the largest unit: `P2DT12H`, `PT0S`. */
export function formatIso(ms: number): string {
  const whole = Math.round(Math.abs(checkedDuration(ms)))
  if (whole === 0) return 'PT0S'
  const parts = splitUnits(whole, ['days', 'hours', 'minutes', 'seconds'])
  const day = parts.days === undefined ? '' : `${parts.days}D`
  const time = [
    parts.hours === undefined ? '' : `${parts.hours}H`,
    parts.minutes === undefined ? '' : `${parts.minutes}M`,
    parts.seconds === undefined ? '' : `${parts.seconds}S`,
  ].join('')
  return `${ms < 0 ? '-' : ''}P${day}${time === '' ? '' : `T${time}`}`
}
