import type { Priority } from '@devbot/contracts'

/** The number that names a priority's due set; the most urgent is 0. */
const RANKS: Readonly<Record<Priority, number>> = { critical: 0, high: 1, medium: 2, low: 3 }

export function rankOf(priority: Priority): number {
  return RANKS[priority]
}
