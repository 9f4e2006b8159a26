import { readFile } from 'node:fs/promises'

/** Clock ticks per second in /proc, fixed at 100 on Linux (USER_HZ). */
export const TICKS_PER_SECOND = 100

/** Resident memory in MB (10^6 bytes), from /proc/PID/status. Linux only. */
export async function residentMegabytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${checked(pid)}/status`, 'utf8')
  const kibibytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1])
  return (kibibytes * 1024) / 1e6
}

/** User and system time of a process so far, from /proc/PID/stat. Linux only. */
export async function cpuSecondsOf(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${checked(pid)}/stat`, 'utf8')
  // The program's name, in brackets, may hold anything; what follows it are numbers from the third field on.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

function checked(pid: number | undefined): number {
  if (pid === undefined) throw new Error('expected a running process, it has ended')
  return pid
}
