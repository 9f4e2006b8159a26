import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { simpleGit } from 'simple-git'
import { endHelpers } from './end-helpers.ts'
import { gitEnvironmentFor } from './git-environment.ts'
import { printable } from './printable.ts'
import type { GitCredentials } from './repository-store.ts'

/** What fetch, ls-remote and push print is a few lines; a server that sends more is cut off. */
const MAX_OUTPUT_BYTES = 1024 * 1024

/** Marks every process of one call, those that git starts among them. */
const CALL_VARIABLE = 'DEVBOT_GIT_CALL'

export type RemoteGitResult = {
  readonly succeeded: boolean
  readonly stdout: string
  /** The end of what git and the server said, for a person to read: one line, without secrets. */
  readonly remark: string
}

/**
 * Runs one network command (`fetch`, `ls-remote`, `push`) through simple-git. The token reaches that one process
 * through its environment: not the arguments, not the address, no file.
 */
export async function runRemoteGit(
  directory: string,
  args: readonly string[],
  options: { readonly credentials: GitCredentials; readonly stallSeconds: number; readonly signal: AbortSignal },
): Promise<RemoteGitResult> {
  const callId = randomUUID()
  const environment = { ...gitEnvironmentFor(directory), ...httpSettingsFor(options), [CALL_VARIABLE]: callId }
  const overflow = new AbortController()
  const abort = AbortSignal.any([options.signal, overflow.signal])
  let failed: { readonly stdout: string; readonly stderr: string } | undefined
  const git = simpleGit({
    baseDir: directory,
    abort,
    allowEnvironment: Object.keys(environment).filter((name) => name.startsWith('GIT_')),
    unsafe: {
      // The token is a configuration value that must stay out of the arguments and of every file.
      allowUnsafeConfigEnvCount: true,
      // GIT_CONFIG_GLOBAL=/dev/null is what keeps a user's configuration out.
      allowUnsafeConfigPaths: true,
    },
    errors: (error, result) => {
      if (error === undefined && result.exitCode === 0) return undefined
      failed = {
        stdout: Buffer.concat(result.stdOut).toString('utf8'),
        stderr: Buffer.concat(result.stdErr).toString('utf8'),
      }
      return error ?? new Error(`git ended with ${result.exitCode}`)
    },
  })
  git.env(environment).outputHandler((_command, stdout, stderr) => {
    let bytes = 0
    const count = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_OUTPUT_BYTES) overflow.abort()
    }
    stdout.on('data', count)
    stderr.on('data', count)
  })
  try {
    return { succeeded: true, stdout: await git.raw([...args]), remark: '' }
  } catch (error) {
    if (abort.aborted) await endHelpers(`${CALL_VARIABLE}=${callId}`)
    const said = failed?.stderr || (error instanceof Error ? error.message : '')
    const secrets = [options.credentials.password, basicTokenFor(options.credentials)]
    return { succeeded: false, stdout: failed?.stdout ?? '', remark: printable(said, secrets) }
  }
}

/** The value of an `Authorization` header. */
export function authorizationFor(credentials: GitCredentials): string {
  return `Basic ${basicTokenFor(credentials)}`
}

function basicTokenFor(credentials: GitCredentials): string {
  return Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')
}

/** Configuration by environment (GIT_CONFIG_COUNT): the token, and when a connection counts as dead. */
function httpSettingsFor(options: { readonly credentials: GitCredentials; readonly stallSeconds: number }) {
  return {
    GIT_CONFIG_COUNT: '3',
    GIT_CONFIG_KEY_0: 'http.extraHeader',
    GIT_CONFIG_VALUE_0: hiddenValue(`Authorization: ${authorizationFor(options.credentials)}`),
    // Below one byte per second for that long: git gives up by itself, and so does a helper process left alone.
    GIT_CONFIG_KEY_1: 'http.lowSpeedLimit',
    GIT_CONFIG_VALUE_1: '1',
    GIT_CONFIG_KEY_2: 'http.lowSpeedTime',
    GIT_CONFIG_VALUE_2: String(options.stallSeconds),
  }
}

/**
 * A value that becomes its text only where the process is started. simple-git logs the whole environment of a process
 * when the worker runs with DEBUG=simple-git; what it prints of this one is `[secret]`.
 */
function hiddenValue(text: string): object {
  return { toString: () => text, [inspect.custom]: () => '[secret]', toJSON: () => '[secret]' }
}
