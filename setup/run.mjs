import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the checkout. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Runs a program with the terminal as its own, hands on the signals we get, and gives its exit code.
 * Programs and scripts of ours are named relative to the checkout; `cwd` is only where the person stands.
 * @param {string} program
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string }} options
 * @returns {Promise<number>}
 */
export async function runToEnd(program, args, options = {}) {
  const cwd = options.cwd ?? root
  const resolved = args.map((arg, index) => (index === 0 && arg.endsWith('.ts') ? resolve(root, arg) : arg))
  const child = spawn(program, resolved, { cwd, env: options.env ?? process.env, stdio: 'inherit' })
  const forward = (signal) => child.kill(signal)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward)
  try {
    const [code, signal] = await once(child, 'close')
    return code ?? (signal === null ? 1 : 128)
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, forward)
  }
}

/**
 * Runs a program quietly; its output is shown only when it fails.
 * @param {string} program
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<{ code: number, output: string }>}
 */
export async function runQuietly(program, args, options = {}) {
  const child = spawn(program, args, { cwd: root, env: options.env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks = []
  child.stdout.on('data', (chunk) => chunks.push(chunk))
  child.stderr.on('data', (chunk) => chunks.push(chunk))
  try {
    const [code] = await once(child, 'close')
    return { code: code ?? 1, output: Buffer.concat(chunks).toString('utf8') }
  } catch (error) {
    // The program is not there or may not be run: for the caller that is a failure like any other.
    return { code: 127, output: String(error) }
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
