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
  /** Where the whole of a cut output is kept inside the sandbox, when that was asked for. */
  readonly outputPath?: string
}

export type ExecOptions = {
  readonly timeoutMs: number
  /** Cap on `output`: half of it is kept from the head, half from the tail. */
  readonly maxOutputBytes: number
  readonly signal?: AbortSignal
}

/** How a command of the agent's runs: in the shell whose directory and environment persist, unless said otherwise. */
export type ShellOptions = ExecOptions & {
  /** In the workspace's root, with the environment of the start; later commands notice nothing of it. */
  readonly apart?: boolean
  /** What is more than `maxOutputBytes` (at most 64 KiB then) is kept in a file of bounded size: `outputPath`. */
  readonly keepOutput?: boolean
}

/** A command that goes on beside others, in the directory and environment that the shell had at its start. */
export type BackgroundCommand = {
  /** Where its output is, absolute, inside the sandbox; of bounded size. */
  readonly outputPath: string
  /** Its end. Without an exit code when it did not end by itself: it was stopped, or everything in the sandbox was. Never rejects. */
  readonly ended: Promise<{ readonly exitCode?: number }>
  /** Ends it with what it started; resolves when it is gone. */
  stop(): Promise<void>
}
