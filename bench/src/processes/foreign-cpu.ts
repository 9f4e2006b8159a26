import { readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { TICKS_PER_SECOND } from './process-facts.ts'

/**
 * Runs `work` and tells which share (0..1) of the machine's CPU time was used by anything but the processes that were
 * measured, time taken by a hypervisor included. `ownSeconds` says what those have used so far. Linux only.
 */
export async function withForeignCpu<T>(
  ownSeconds: () => Promise<number>,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly foreignShare: number }> {
  const before = { busy: await busySeconds(), own: await ownSeconds(), at: performance.now() }
  const value = await work()
  const busy = (await busySeconds()) - before.busy
  const own = (await ownSeconds()) - before.own
  const possible = (cpus().length * (performance.now() - before.at)) / 1000
  return { value, foreignShare: Math.max(0, busy - own) / possible }
}

/** User, nice, system, irq, softirq and steal of all cores since boot (proc(5), stat). */
async function busySeconds(): Promise<number> {
  const line = (await readFile('/proc/stat', 'utf8')).split('\n')[0] ?? ''
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(/\s+/).slice(1).map(Number)
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
}
