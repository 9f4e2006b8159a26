import { checkedDuration, DurationError } from './duration-error.ts'

/** The sum of a list; 0 for an empty one. */
export function total(list: readonly number[]): number {
  return list.reduce((sum, ms) => sum + checkedDuration(ms), 0)
}

/** The mean of a list, which must not be empty. */
export function average(list: readonly number[]): number {
  if (list.length === 0) throw new DurationError('expected at least one duration')
  return total(list) / list.length
}
