import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Looks until none is left; a process that is killed is gone in milliseconds. */
const MAX_LOOKS = 10
const LOOK_MS = 20

/**
 * Kills what a git command started and left behind when it was stopped: `git-remote-http` goes on with its exchange for
 * minutes, a push included. They are told by `NAME=value` in the environment that they inherited. Linux only: elsewhere
 * they end by themselves when the connection stalls.
 */
export async function endHelpers(mark: string): Promise<void> {
  for (let look = 0; look < MAX_LOOKS; look++) {
    const pids = await markedProcesses(mark)
    if (pids.length === 0) return
    for (const pid of pids) kill(pid)
    await sleep(LOOK_MS)
  }
}

async function markedProcesses(mark: string): Promise<readonly number[]> {
  const names = await readdir('/proc').catch(() => []) // no /proc: not Linux
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number)
  const marked = await Promise.all(
    pids.map(async (pid) => {
      // It ended meanwhile, or is another user's, and so none of ours.
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
      return environment.split('\0').includes(mark)
    }),
  )
  return pids.filter((_pid, index) => marked[index] === true)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // ESRCH: it ended by itself.
  }
}
