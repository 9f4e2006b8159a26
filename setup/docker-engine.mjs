import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { askEngine, findSocket, runningContainersOfOthers } from './docker-socket.mjs'
import { findProgram, lastLines, root, runQuietly, throwIfInterrupted } from './run.mjs'
import { installPackages, isOurKindOfMachine, mayInstall } from './system-programs.mjs'

/** The engine as Debian packages it, with what it needs for networks. */
const PACKAGES = ['docker.io', 'iproute2', 'iptables']
/** A cold start loads the storage driver and writes firewall rules; it takes about five seconds on a small machine. */
const START_TIMEOUT_MS = 60_000
/** The engine gives containers 15 seconds to end. */
const STOP_TIMEOUT_MS = 45_000
const POLL_MS = 200

/** What tests replace: our folder, the engine's arguments and socket, and whether the machine may be changed. */
const PLACE = {
  folder: join(root, '.devbot', 'docker'),
  daemonArgs: [],
  findSocket,
  mayChange: (question) => (isOurKindOfMachine() ? mayInstall(question) : false),
}

/**
 * Makes sure that a Docker engine answers. One that is not there is installed and started where we may (the rules of
 * `mayInstall`), in a session of its own with its log below `.devbot/`, and is stopped by `release` once nobody of this
 * checkout uses it any more. One that we did not start is never stopped.
 * @param {ReturnType<typeof import('./stages.mjs').createStages>} stages
 * @returns {Promise<{ socket: string, release: () => Promise<void> } | { problem: string }>}
 */
export async function ensureEngine(stages, place = PLACE) {
  const socket = await place.findSocket()
  if ('problem' in socket) return socket
  const first = await askEngine(socket.path)
  if ('version' in first) return inUse(socket.path, stages, place)
  if (first.code === 'EACCES')
    return { problem: `${socket.path} may not be opened: this user is not in the group docker` }
  const why = `no Docker engine answers at ${socket.path}`
  if (socket.chosen || process.platform !== 'linux') return { problem: `${why}; start it` }
  const installed = findProgram('dockerd') !== undefined
  const plan = installed ? 'Start it' : `Install ${PACKAGES.join(', ')} with apt-get, and start it`
  if (!(await place.mayChange(`DevBot runs sandboxes in Docker, and ${why}. ${plan} for the time of this command?`)))
    return { problem: why }
  if (!installed) {
    const packages = [...PACKAGES, ...(await clientPackage())]
    await stages.stage('packages', `installing ${packages.join(', ')} with apt-get`, () => installPackages(packages))
  }
  // Where systemd runs, installing has started the engine already.
  if ('version' in (await askEngine(socket.path))) return inUse(socket.path, stages, place)
  const problem = await stages.stage('engine', 'starting the Docker engine', () => startDaemon(socket.path, place))
  return problem === undefined ? inUse(socket.path, stages, place) : { problem }
}

/** From Debian 13 on the client is a package of its own. */
async function clientPackage() {
  const { stdout } = await runQuietly('apt-cache', ['policy', 'docker-cli'])
  return /Candidate: \d/.test(stdout) ? ['docker-cli'] : []
}

/** Starts `dockerd` away from our terminal. Gives the problem, with the end of its log, when it does not come up. */
async function startDaemon(socketPath, { folder, daemonArgs }) {
  mkdirSync(folder, { recursive: true })
  const logFile = join(folder, 'dockerd.log')
  const log = openSync(logFile, 'w', 0o600)
  const daemon = spawn(findProgram('dockerd'), daemonArgs, { detached: true, stdio: ['ignore', log, log] })
  closeSync(log)
  let failure
  daemon.once('error', (error) => {
    failure = error.message
  })
  daemon.once('exit', (code, signal) => {
    failure = `it ended with ${code ?? signal}`
  })
  daemon.unref()
  if (daemon.pid !== undefined) writeFileSync(join(folder, 'dockerd.json'), JSON.stringify(processMark(daemon.pid)))
  try {
    await untilItAnswers(socketPath, () => failure)
    return undefined
  } catch (error) {
    await stopOurs({ folder })
    if (!(error instanceof NotUp)) throw error
    return `the Docker engine could not be started: ${error.message}. The end of ${logFile}:\n${lastLines(readFileSync(logFile, 'utf8'), 6)}`
  }
}

class NotUp extends Error {}

async function untilItAnswers(socketPath, failure) {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (!('version' in (await askEngine(socketPath)))) {
    if (failure() !== undefined) throw new NotUp(failure())
    if (performance.now() > deadline) throw new NotUp(`it did not answer within ${START_TIMEOUT_MS / 1000} s`)
    await sleep(POLL_MS)
    throwIfInterrupted()
  }
}

/** Notes that we use the engine; who leaves last stops it, if it is ours. */
function inUse(socket, stages, place) {
  const users = join(place.folder, 'users')
  mkdirSync(users, { recursive: true })
  const mine = join(users, String(process.pid))
  writeFileSync(mine, JSON.stringify(processMark(process.pid)))
  return {
    socket,
    release: async () => {
      rmSync(mine, { force: true })
      const others = readdirSync(users).filter((name) => isAlive(readMark(join(users, name))))
      if (others.length > 0 || !isAlive(readMark(join(place.folder, 'dockerd.json')))) return
      const foreign = await runningContainersOfOthers(socket)
      if (foreign.length > 0) {
        const { pid } = readMark(join(place.folder, 'dockerd.json'))
        stages.note(`the Docker engine keeps running for ${foreign.join(', ')}; \`kill ${pid}\` stops both`)
        return
      }
      const problem = await stopOurs(place)
      if (problem !== undefined) stages.note(problem)
    },
  }
}

/** Ends exactly the daemon that we started. */
async function stopOurs({ folder }) {
  const file = join(folder, 'dockerd.json')
  const mark = readMark(file)
  if (!isAlive(mark)) return undefined
  process.kill(mark.pid, 'SIGTERM')
  const deadline = performance.now() + STOP_TIMEOUT_MS
  while (isAlive(mark)) {
    if (performance.now() > deadline)
      return `the Docker engine (process ${mark.pid}) did not stop within ${STOP_TIMEOUT_MS / 1000} s; its log is in ${folder}`
    await sleep(POLL_MS)
  }
  rmSync(file, { force: true })
  return undefined
}

/** A process for good: a number alone is given out again after a while. */
function processMark(pid) {
  return { pid, started: startTime(pid) }
}

/** Ticks from the boot to the start of the process; undefined when it is not there, or only its exit code is. */
function startTime(pid) {
  const file = `/proc/${pid}/stat`
  if (!existsSync('/proc/self/stat') || !existsSync(file)) return undefined
  const [state, ...rest] = readFileSync(file, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return state === 'Z' ? undefined : rest[18]
}

function readMark(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    // Not there, or its writer was killed in the middle: nobody we know.
    return undefined
  }
}

function isAlive(mark) {
  if (mark?.pid === undefined) return false
  const started = startTime(mark.pid)
  return started !== undefined && started === mark.started
}
