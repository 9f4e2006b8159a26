import { checkedDuration } from './duration-error.ts'

/** `01:30:00`; milliseconds are shown only when there are any: `00:00:01.250`. */
export function formatClock(ms: number): string {
  const whole = Math.round(Math.abs(checkedDuration(ms)))
  const hours = Math.floor(whole / 3_600_000)
  const minutes = Math.floor(whole / 60_000) % 60
  const seconds = Math.floor(whole / 1000) % 60
  const rest = whole % 1000
  const clock = [hours, minutes, seconds].map((part) => String(part).padStart(2, '0')).join(':')
  const sign = ms < 0 && whole > 0 ? '-' : ''
  return sign + clock + (rest === 0 ? '' : `.${String(rest).padStart(3, '0')}`)
}
