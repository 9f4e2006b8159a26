/** One line of the result: what was measured, beside what it is compared with. */
export type Figure = {
  readonly name: string
  readonly unit: 'ms' | 'MB' | 'KB' | '/s'
  readonly ours: number
  /** What the figure is seen against: measured in the same run, in the same unit. */
  readonly baseline?: { readonly what: string; readonly value: number } | undefined
  /** The figure to design for (DESIGN.md section 12), in the same unit. */
  readonly design?: number | undefined
  /** Something else used the machine meanwhile: whether the figure is met stays open. */
  readonly disturbed?: boolean | undefined
}

export type BenchResult = {
  readonly figures: readonly Figure[]
  /** What a reader needs to judge the figures: how it was measured, where the time goes. */
  readonly notes: readonly string[]
}

/** How many times the baseline; undefined where there is none. */
export function ratioOf({ ours, baseline }: Figure): number | undefined {
  return baseline === undefined || baseline.value === 0 ? undefined : ours / baseline.value
}

/** Every design figure is a ceiling. Undefined where there is none, and where the measurement decides nothing. */
export function isMet({ ours, design, disturbed }: Figure): boolean | undefined {
  return design === undefined || disturbed === true ? undefined : ours <= design
}
