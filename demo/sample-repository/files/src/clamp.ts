import { checkedDuration, DurationError } from './duration-error.ts'

export type Bounds = { readonly min?: number; readonly max?: number }

/** The duration itself, or the bound that it crosses. */
export function clamp(ms: number, { min = -Infinity, max = Infinity }: Bounds): number {
  if (min > max) throw new DurationError(`expected min to be at most max, got ${min} and ${max}`)
  return Math.min(Math.max(checkedDuration(ms), min), max)
}
