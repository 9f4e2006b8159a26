import type { Readable, Writable } from 'node:stream'
import type { DevBotError } from '@devbot/contracts'
import type { NetworkRefusal } from './sandbox.ts'

/**
 * What a driver has to supply: one sandbox as a place where fixed argument lists are started. Everything else (tool
 * channel, import, export) is built on this and knows no driver.
 */
export interface SandboxEngine {
  /**
   * Absolute paths inside the sandbox. Workspace and home are called that and lie side by side, on one file system, in a
   * folder that the sandbox's user may write: what setup made is moved between them as it is. Home is HOME. The scratch
   * folder is the tool channel's own.
   */
  readonly workspace: string
  readonly home: string
  readonly scratch: string
  /**
   * Starts a process of its own, in the workspace, with the sandbox's environment. Throws DevBotError `sandbox` when the
   * sandbox is gone. A program that does not exist ends with exit code 127.
   */
  start(argv: readonly [string, ...string[]]): Promise<SandboxProcess>
  /** Kills every process of the sandbox; the sandbox stays usable. Throws DevBotError `sandbox` when some are still there. */
  killAll(): Promise<void>
  /** Kills everything and removes every trace. May be called again. */
  remove(): Promise<void>
  /** What a way out refused so far; absent where there is none. */
  networkRefusals?(): Promise<readonly NetworkRefusal[]>
}

export type SandboxProcess = {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** The exit code (128 + number for a signal) as soon as the process ended, whatever still holds its streams. Never rejects. */
  readonly exitCode: Promise<number>
  /** Once there is an exit code: why it tells nothing, when the connection to the process broke before its end. */
  readonly lost?: () => DevBotError | undefined
  /** Kills it, its process group and whatever else can be found that it started; resolves when that is done. */
  kill(): Promise<void>
}
