import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Interrupted, SetupProblem } from './problem.mjs'

/** The folder of the checkout. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']
const running = new Set()
let interruptedBy

/**
 * From now on signals are handed on to whatever runs, and we live until that ended: so what was started beside it can
 * be stopped in order.
 */
export function handOnSignals() {
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      interruptedBy ??= signal
      for (const child of running) child.kill(signal)
    })
  }
}

/** Throws when a signal came: nothing more may be started then. */
export function throwIfInterrupted() {
  if (interruptedBy !== undefined) throw new Interrupted(`interrupted (${interruptedBy})`)
}

/**
 * Runs a program with the terminal as its own and gives its exit code.
 * Programs and scripts of ours are named relative to the checkout; `cwd` is only where the person stands.
 * @param {string} program
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string }} options
 * @returns {Promise<number>}
 */
export async function runToEnd(program, args, options = {}) {
  throwIfInterrupted()
  const cwd = options.cwd ?? root
  const resolved = args.map((arg, index) => (index === 0 && arg.endsWith('.ts') ? resolve(root, arg) : arg))
  const child = spawn(program, resolved, { cwd, env: options.env ?? process.env, stdio: 'inherit' })
  const [code, signal] = await ended(child)
  return code ?? (signal === null ? 1 : 128)
}

/**
 * Runs a program quietly; its output is shown only when it fails.
 * @param {string} program
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, input?: import('node:stream').Readable, onOutput?: () => void, signal?: AbortSignal }} options
 *   `onOutput` hears that the program said something; `signal` ends it.
 * @returns {Promise<{ code: number, stdout: string, output: string }>} `output` is standard output and standard error as they came
 */
export async function runQuietly(program, args, options = {}) {
  throwIfInterrupted()
  const child = spawn(program, args, {
    cwd: options.cwd ?? root,
    env: options.env ?? process.env,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  const chunks = []
  let stdout = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      chunks.push(text)
      if (stream === child.stdout) stdout += text
      options.onOutput?.()
    })
  }
  if (options.input !== undefined) {
    // A program that ends before it has read everything says why by its exit code.
    child.stdin.on('error', () => undefined)
    options.input.pipe(child.stdin)
  }
  try {
    const [code] = await ended(child)
    throwIfInterrupted()
    return { code: code ?? 1, stdout, output: chunks.join('') }
  } catch (error) {
    if (error instanceof SetupProblem) throw error
    // The program is not there, may not be run, or was given up: for the caller a failure like any other.
    return { code: 127, stdout, output: `${chunks.join('')}${error}` }
  }
}

/**
 * As `runQuietly`, for what has to work: throws a SetupProblem with the end of the output when it fails.
 * @param {string} what what it is for, as in "could not <what>"
 */
export async function runOrThrow(what, program, args, options = {}) {
  const { code, output } = await runQuietly(program, args, options)
  if (code !== 0) throw new SetupProblem(`could not ${what} (${program} ended with ${code}):\n${lastLines(output)}`)
  return output
}

export function lastLines(text, count = 15) {
  return text.trimEnd().split('\n').slice(-count).join('\n')
}

async function ended(child) {
  running.add(child)
  try {
    return await once(child, 'close')
  } finally {
    running.delete(child)
  }
}

/**
 * The full path of a program on PATH, or undefined.
 * @param {string} name
 * @returns {string | undefined}
 */
export function findProgram(name) {
  const folders = (process.env.PATH ?? '').split(delimiter).concat('/usr/sbin', '/sbin')
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    // Not there, or not for us: the next folder is looked at.
    return false
  }
}
