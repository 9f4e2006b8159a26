import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'

/** Where git is looked for; nothing else of this process's environment reaches a git process. */
const PROGRAM_PATH = '/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin'
/** Most output kept of one git command. */
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024
/** Settings for every git process, whatever the machine's or the repository's own configuration says. */
const SETTINGS: Readonly<Record<string, string>> = {
  'safe.directory': '*',
  'core.quotePath': 'false',
  'gc.auto': '0',
  'receive.autogc': 'false',
  'init.defaultBranch': 'main',
}

export class GitFailure extends Error {
  readonly exitCode: number | null

  constructor(args: readonly string[], exitCode: number | null, stderr: string) {
    super(`expected git ${args[0]} to succeed, it ended with ${exitCode}: ${stderr.trim().slice(0, 2000)}`)
    this.name = 'GitFailure'
    this.exitCode = exitCode
  }
}

/** The environment of a git process, made from nothing, with git settings passed by environment. */
export function gitEnvironment(
  variables: Readonly<Record<string, string>> = {},
  settings: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const all = Object.entries({ ...SETTINGS, ...settings })
  const numbered = all.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ])
  return {
    PATH: PROGRAM_PATH,
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: String(all.length),
    ...Object.fromEntries(numbered),
    ...variables,
  }
}

/** Starts git in a repository's folder; the caller reads and ends its streams. */
export function spawnGit(directory: string, args: readonly string[], environment = gitEnvironment()) {
  const child: ChildProcessWithoutNullStreams = spawn('git', args, { cwd: directory, env: environment })
  // A child that dies early closes its input; its exit code tells why, so the pipe's own error adds nothing.
  child.stdin.on('error', () => undefined)
  return child
}

export type GitOutput = { readonly exitCode: number; readonly stdout: Buffer; readonly stderr: string }

/**
 * Runs git to its end. Exit codes other than 0 and those in `accept` throw a GitFailure.
 */
export async function runGit(
  directory: string,
  args: readonly string[],
  options: {
    readonly input?: string | Uint8Array
    readonly accept?: readonly number[]
    readonly variables?: Readonly<Record<string, string>>
  } = {},
): Promise<GitOutput> {
  const child = spawnGit(directory, args, gitEnvironment(options.variables))
  const exited = exitCodeOf(child)
  child.stdin.end(options.input ?? '')
  const [stdout, stderr, exitCode] = await Promise.all([collect(child.stdout), collect(child.stderr), exited])
  if (exitCode === null || (exitCode !== 0 && !options.accept?.includes(exitCode))) {
    throw new GitFailure(args, exitCode, stderr.toString('utf8'))
  }
  return { exitCode, stdout, stderr: stderr.toString('utf8') }
}

/** As `runGit`, for the text on standard output without its last line end. */
export async function gitText(
  directory: string,
  args: readonly string[],
  input = '',
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { stdout } = await runGit(directory, args, { input, variables })
  return stdout.toString('utf8').replace(/\n$/, '')
}

export function exitCodeOf(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code))
  })
}

async function collect(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size > MAX_OUTPUT_BYTES) throw new Error(`expected at most ${MAX_OUTPUT_BYTES} bytes from git`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}
