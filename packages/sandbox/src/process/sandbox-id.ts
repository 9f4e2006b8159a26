import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/**
 * A sandbox's id, which is also its folder's name: the owner's pid and start time, then chance. In the name, and not in a
 * file beside, because a folder appears with its name at once, and what runs in it cannot rewrite it by mistake.
 */
export async function newSandboxId(): Promise<string> {
  return `${process.pid}-${await startTimeOf(process.pid)}-${randomBytes(6).toString('hex')}`
}

/** Whether the process that made the sandbox still runs; undefined for a name that is no sandbox's. */
export async function ownerIsAlive(id: string): Promise<boolean | undefined> {
  const match = /^(\d{1,10})-(\d{1,20})-[0-9a-f]{12}$/.exec(id)
  if (!match) return undefined
  const pid = Number(match[1])
  return processExists(pid) && (await startTimeOf(pid)) === match[2]
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it exists, and is somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Clock ticks between boot and the process's start (proc(5), stat, field 22): with the pid, one process for sure. */
async function startTimeOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0'
  } catch {
    // No /proc (not Linux), or the process has just ended: the pid alone has to do.
    return '0'
  }
}
