/** What is thrown for input that is not a duration. */
export class DurationError extends Error {
  /** Where in the text the trouble starts, counted from 0; absent when the input was no text. */
  readonly position: number | undefined

  constructor(message: string, position?: number) {
    super(position === undefined ? message : `${message} (at position ${position})`)
    this.name = 'DurationError'
    this.position = position
  }
}

/** The same number, or a DurationError when it is not finite. */
export function checkedDuration(ms: number): number {
  if (!Number.isFinite(ms)) throw new DurationError(`expected a finite number of milliseconds, got ${ms}`)
  return ms
}
