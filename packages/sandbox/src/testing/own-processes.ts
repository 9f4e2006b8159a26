import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What tells the processes of this file's sandboxes from those of the same test running twice: folders, container ids. */
const ownMarks = new Set<string>()

/** Processes that have this in their environment, working directory or control group are ours. */
export function markOwn(mark: string): void {
  ownMarks.add(mark)
}

/**
 * Our processes whose command line starts so, zombies left out; where nothing was marked, all of this machine. Linux only.
 */
export function processesWith(commandLine: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && commandLineOf(pid).startsWith(commandLine) && isOwn(pid))
}

function isOwn(pid: number): boolean {
  if (ownMarks.size === 0) return true
  const facts = [textOf(`/proc/${pid}/environ`), textOf(`/proc/${pid}/cgroup`), linkOf(`/proc/${pid}/cwd`)].join('\n')
  return [...ownMarks].some((mark) => facts.includes(mark))
}

function commandLineOf(pid: number): string {
  return textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return '' // it has ended meanwhile
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return '' // likewise
  }
}
