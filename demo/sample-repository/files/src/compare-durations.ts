import { checkedDuration } from './duration-error.ts'

/** Negative when the first is shorter, positive when it is longer: made for `Array.prototype.sort`. */
export function compareDurations(a: number, b: number): number {
  return checkedDuration(a) - checkedDuration(b)
}
