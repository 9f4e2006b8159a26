/** One line of the result: what was measured, beside what it is compared with. */
export type Figure = {
  readonly name: string
  readonly unit: 'ms' | 'MB' | 'KB' | '/s' | 'tokens' | '%' | ''
  readonly ours: number
  /** What the figure is seen against: measured in the same run, in the same unit. */
  readonly baseline?: Baseline | undefined
  /** More to see it against; the ratio is to `baseline`. */
  readonly others?: readonly Baseline[] | undefined
  /** The figure to design for (DESIGN.md section 12), in the same unit. */
  readonly design?: number | undefined
  /** The design figure is a floor, not a ceiling. */
  readonly atLeast?: boolean | undefined
  /** Something else used the machine meanwhile: whether the figure is met stays open. */
  readonly disturbed?: boolean | undefined
}

export type Baseline = { readonly what: string; readonly value: number }

export type BenchResult = {
  readonly figures: readonly Figure[]
  /** What a reader needs to judge the figures: how it was measured, where the time goes. */
  readonly notes: readonly string[]
}

/** How many times the baseline; undefined where there is none. */
export function ratioOf({ ours, baseline }: Figure): number | undefined {
  return baseline === undefined || baseline.value === 0 ? undefined : ours / baseline.value
}

/** Undefined where there is none, and where the measurement decides nothing. */
export function isMet({ ours, design, atLeast, disturbed }: Figure): boolean | undefined {
  if (design === undefined || disturbed === true) return undefined
  return atLeast === true ? ours >= design : ours <= design
}
