/** The middle of the values; of an even number the mean of both. Throws for none: a figure needs measurements. */
export function median(values: readonly number[]): number {
  return (percentile(values, 0.5) + percentile(values, 0.5, 'upper')) / 2
}

/** The value that the given share (0..1) of the values does not exceed, by nearest rank. Throws for no values. */
export function percentile(values: readonly number[], share: number, side: 'lower' | 'upper' = 'lower'): number {
  const sorted = [...values].sort((a, b) => a - b)
  const rank = side === 'lower' ? Math.ceil(share * sorted.length) - 1 : Math.floor(share * sorted.length)
  const value = sorted[Math.min(Math.max(rank, 0), sorted.length - 1)]
  if (value === undefined) throw new RangeError('expected at least one measurement, there is none')
  return value
}

/** Of several runs, field by field, the median. */
export function medianFields<Name extends string>(
  runs: readonly Readonly<Record<Name, number>>[],
  names: readonly Name[],
): Record<Name, number> {
  const entries = names.map((name) => [name, median(runs.map((run) => run[name]))] as const)
  return Object.fromEntries(entries) as Record<Name, number>
}
