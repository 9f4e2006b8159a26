import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** `<port>.<method>[.<what it is about>]:<n-th such call for this plan>:<before or after it>` */
export type CrashPoint = string

/** What a process that may crash shares with whoever wants it to: per plan one file with its point, one with its trace. */
export const pointFile = (directory: string, planPath: string) => join(directory, `${planPath}.point`)
const traceFile = (directory: string, planPath: string) => join(directory, `${planPath}.trace`)

/** A line of a trace that says that the process killed itself there. */
const KILLED = 'killed at '
/** Stands before the epoch, in the line of a `before`. */
const EPOCH = ' in epoch '

export type CrashPoints = {
  /** From here on everything that happens is for this plan; only one is worked on at a time. */
  readonly begin: (planPath: string) => void
  /** Does `call` between its two points. `epoch`: that of the owner in whose name it is made. */
  readonly pass: <T>(name: string, call: () => T, epoch?: number) => T
}

/**
 * The points that one process passes, appended to the plan's trace as it goes: a process that takes over counts on from
 * there. At the plan's own point the process sends itself SIGKILL, once in the life of the plan.
 */
export function createCrashPoints(
  directory: string,
  kill: () => unknown = () => process.kill(process.pid, 'SIGKILL'),
): CrashPoints {
  let planPath: string | undefined
  let armed: CrashPoint | undefined
  const counts = new Map<string, number>()

  const begin = (path: string) => {
    if (path === planPath) return
    planPath = path
    counts.clear()
    const { points, killedAt } = readTrace(directory, path)
    for (const point of points.filter((one) => one.endsWith(':before'))) {
      const name = point.slice(0, point.lastIndexOf(':', point.length - ':before'.length - 1))
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    const file = pointFile(directory, path)
    armed = killedAt === undefined && existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
  }
  const reach = (path: string, point: CrashPoint, epoch?: number) => {
    appendFileSync(traceFile(directory, path), `${point}${epoch === undefined ? '' : `${EPOCH}${epoch}`}\n`)
    if (point !== armed) return
    appendFileSync(traceFile(directory, path), `${KILLED}${point}\n`)
    kill()
  }
  const pass = <T>(name: string, call: () => T, epoch?: number): T => {
    const path = planPath
    if (path === undefined) return call()
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    reach(path, `${name}:${count}:before`, epoch)
    const result = call()
    // A call that fails has no `after`: what follows it is the point of another call.
    if (!(result instanceof Promise)) reach(path, `${name}:${count}:after`)
    else
      return result.then((value: unknown) => {
        reach(path, `${name}:${count}:after`)
        return value
      }) as T
    return result
  }
  return { begin, pass }
}

export type Trace = {
  /** The points passed so far, in order. */
  readonly points: readonly CrashPoint[]
  /** Where the process killed itself. */
  readonly killedAt: CrashPoint | undefined
  /** The epochs in which calls were made, in the order of the calls. */
  readonly epochs: readonly number[]
}

export function readTrace(directory: string, planPath: string): Trace {
  const file = traceFile(directory, planPath)
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
  const passed = lines.filter((line) => !line.startsWith(KILLED)).map((line) => line.split(EPOCH))
  return {
    points: passed.map(([point = '']) => point),
    killedAt: lines.find((line) => line.startsWith(KILLED))?.slice(KILLED.length),
    epochs: passed.flatMap(([, epoch]) => (epoch === undefined ? [] : [Number(epoch)])),
  }
}
