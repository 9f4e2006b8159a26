import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { DevBotError } from '@devbot/contracts'

/** Twenty looks, 5 to 100 ms apart: long enough for any process to die, short enough to notice one that forks faster. */
const MAX_LOOKS = 20

type Search = {
  /** `NAME=value`, searched in the environment that a process was started with. */
  readonly mark: string
  /** Processes in this folder without a terminal are meant too: they may have scrubbed their environment. */
  readonly folder?: string
}

/**
 * Kills every process that carries the mark, wherever it went, and waits until none is left. Linux only: elsewhere it
 * finds nothing. Throws DevBotError `sandbox` (`sandbox-not-stopped`) when some do not die.
 */
export async function killStragglers(search: Search): Promise<void> {
  for (let look = 1; look <= MAX_LOOKS; look += 1) {
    const pids = await findStragglers(search)
    if (pids.length === 0) return
    for (const pid of pids) killQuietly(pid)
    await delay(Math.min(100, 5 * look))
  }
  throw new DevBotError({
    category: 'sandbox',
    code: 'sandbox-not-stopped',
    message: `Processes of the sandbox ${search.mark} are still running after ${MAX_LOOKS} attempts to kill them.`,
  })
}

/** Kills a process, or with a negative number a process group; that it is gone already is fine. */
export function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // ESRCH: gone already. EPERM: not ours, so not of our sandbox.
  }
}

async function findStragglers(search: Search): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []) // no /proc: not Linux
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(
    pids.map(async (pid) => (pid !== process.pid && (await belongs(pid, search)) ? pid : 0)),
  )
  return found.filter((pid) => pid > 0)
}

async function belongs(pid: number, { mark, folder }: Search): Promise<boolean> {
  try {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1')
    if (environment.split('\0').includes(mark)) return true
    if (folder === undefined) return false
    const workingDirectory = await readlink(`/proc/${pid}/cwd`)
    return workingDirectory.startsWith(`${folder}/`) && !(await hasTerminal(pid))
  } catch {
    // It ended meanwhile, or belongs to another user.
    return false
  }
}

/** A person who looks around in the folder has one (proc(5), stat, field 7). */
async function hasTerminal(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[4] !== '0'
}
