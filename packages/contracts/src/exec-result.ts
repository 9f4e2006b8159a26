/**
 * What one command gave, whether it succeeded or not. Callers branch on the fields, never on the text.
 */
export type ExecResult = {
  /** Absent when the command did not end by itself. */
  readonly exitCode?: number
  readonly timedOut: boolean
  readonly aborted: boolean
  readonly durationMs: number
  /** stdout and stderr in order of arrival; the head and the tail when it was longer than the cap. */
  readonly output: Uint8Array
  /** Bytes the command wrote; more than `output.length` when it was cut. */
  readonly totalOutputBytes: number
}

export type ExecOptions = {
  readonly timeoutMs: number
  /** Cap on `output`: half of it is kept from the head, half from the tail. */
  readonly maxOutputBytes: number
  readonly signal?: AbortSignal
}
