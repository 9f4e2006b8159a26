import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { SetupProblem } from './problem.mjs'
import { findProgram, lastLines, runQuietly } from './run.mjs'

/** Debian's package for each program that may be missing. */
const PACKAGE_OF = { git: 'git', 'redis-server': 'redis-server', busybox: 'busybox', rg: 'ripgrep' }

/**
 * Makes sure that the programs are there. Missing ones are installed from Debian's packages where we are root on Debian
 * or Ubuntu: without asking in CI or without a terminal, after a question with one, never with DEVBOT_INSTALL=0.
 * @param {string[]} programs
 * @param {ReturnType<typeof import('./stages.mjs').createStages>} stages
 */
export async function ensureSystemPrograms(programs, stages) {
  const missing = programs.filter((program) => findProgram(program) === undefined)
  if (missing.includes('redis-server') && (await dockerAnswers())) missing.splice(missing.indexOf('redis-server'), 1)
  if (missing.length === 0) return
  const packages = missing.map((program) => PACKAGE_OF[program])
  const list = packages.join(', ')
  if (!(await mayInstall(`DevBot needs these system packages: ${list}. Install them now with apt-get?`)))
    throw new SetupProblem(remedy(missing, packages))
  await stages.stage('packages', `installing ${list} with apt-get`, () => installPackages(packages))
  const still = missing.filter((program) => findProgram(program) === undefined)
  if (still.length > 0) throw new SetupProblem(remedy(still, packages))
}

/** With an engine, Redis runs in a container instead. */
async function dockerAnswers() {
  return (await runQuietly('docker', ['version', '--format', '{{.Server.Version}}'])).code === 0
}

/** Whether this is a machine whose packages we may change, leaving the person's word aside. */
export function isOurKindOfMachine() {
  const isDebian = existsSync('/etc/debian_version') && findProgram('apt-get') !== undefined
  return isDebian && process.getuid?.() === 0 && process.env.DEVBOT_INSTALL !== '0'
}

/**
 * Whether the system may be changed: root on Debian or Ubuntu, and in CI, without a terminal, or when the person at it
 * says yes.
 * @param {string} question
 */
export async function mayInstall(question) {
  if (!isOurKindOfMachine()) return false
  if (process.env.CI === 'true' || !process.stdin.isTTY) return true
  const questions = createInterface({ input: process.stdin, output: process.stdout })
  // Ctrl-C and Ctrl-D close it: no answer is a no.
  const answer = await Promise.race([questions.question(`${question} [y/N] `), once(questions, 'close').then(() => '')])
  questions.close()
  return /^y(es)?$/i.test(answer.trim())
}

/** Installs Debian packages; the package lists are renewed only when it does not work without. */
export async function installPackages(packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const args = ['install', '-y', '--no-install-recommends', ...packages]
  const first = await runQuietly('apt-get', args, { env })
  if (first.code === 0) return
  const update = await runQuietly('apt-get', ['update'], { env })
  const second = await runQuietly('apt-get', args, { env })
  if (second.code !== 0) {
    throw new SetupProblem(
      `apt-get could not install ${packages.join(', ')}:\n${lastLines(update.output, 10)}\n${lastLines(second.output)}`,
    )
  }
}

function remedy(missing, packages) {
  const system = existsSync('/etc/os-release')
    ? (/^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'this system')
    : 'this system'
  return `missing on ${system}: ${missing.join(', ')}. Install ${packages.length === 1 ? 'it' : 'them'} and run the command again (Debian, Ubuntu: sudo apt-get install ${packages.join(' ')}; macOS: brew install git redis). Redis may also come from Docker: start the engine.`
}
