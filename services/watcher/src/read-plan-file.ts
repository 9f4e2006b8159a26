import type { BigIntStats } from 'node:fs'
import { constants } from 'node:fs'
import { type FileHandle, lstat, open } from 'node:fs/promises'
import { join } from 'node:path'
import { MAX_PLAN_BYTES, type PlanProblem, parseReportFacts, type ReportFacts, tooLarge } from '@devbot/contracts'
import { hasErrorCode } from './error-code.ts'

/** Enough of a report to hold its front matter; the lists below may be long. */
const REPORT_HEAD_BYTES = 64 * 1024

/** What a file looked like: when two are the same, nothing was written in between. */
export type FileState = {
  readonly fingerprint: string
  readonly sizeBytes: number
  /** The later of modification and change time by the file system's clock; the second cannot be set by a program. */
  readonly changedAtMs: number
  /** The file system counts whole seconds only, so `changedAtMs` may be early. */
  readonly coarse: boolean
}

export type PlanFileRead =
  | { readonly kind: 'read'; readonly content: Uint8Array }
  | { readonly kind: 'gone' }
  /** Written to while it was read: wait and read again. */
  | { readonly kind: 'changing' }
  /** Not a file that may be read as a plan; says why. */
  | { readonly kind: 'refused'; readonly problem: PlanProblem }

/** The state of whatever stands at a path, links not followed; undefined when nothing does. */
export async function fileStateAt(path: string): Promise<FileState | undefined> {
  try {
    return stateOf(await lstat(path, { bigint: true }))
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

/**
 * Reads a plan file without ever waiting for a writer or following a link: opened with O_NOFOLLOW and O_NONBLOCK, and
 * what was opened is checked on the open handle (regular, one name, at most 256 KiB). Throws only what the file system
 * throws for reasons that have nothing to do with this file (too many open files, I/O error).
 */
export async function readPlanFile(directory: string, name: string): Promise<PlanFileRead> {
  const path = join(directory, name)
  const opened = await openSafely(path)
  if (opened.kind !== 'open') return opened
  await using handle = opened.handle
  const before = await handle.stat({ bigint: true })
  const problem = statProblem(before) ?? sizeProblem(before)
  if (problem !== undefined) return { kind: 'refused', problem }
  const content = await readUpTo(handle, MAX_PLAN_BYTES + 1)
  const after = await handle.stat({ bigint: true })
  const same = stateOf(before).fingerprint === stateOf(after).fingerprint && content.length === Number(after.size)
  return same ? { kind: 'read', content } : { kind: 'changing' }
}

/** What the report in this file says, read as carefully as a plan; undefined when there is none that says anything. */
export async function readReport(directory: string, name: string): Promise<ReportFacts | undefined> {
  const opened = await openSafely(join(directory, name))
  if (opened.kind !== 'open') return undefined
  await using handle = opened.handle
  if (!(await handle.stat()).isFile()) return undefined
  const head = await readUpTo(handle, REPORT_HEAD_BYTES)
  return parseReportFacts(head.length < REPORT_HEAD_BYTES ? head : head.subarray(0, head.lastIndexOf(0x0a) + 1))
}

type Opened = { readonly kind: 'open'; readonly handle: FileHandle } | Exclude<PlanFileRead, { kind: 'read' }>

async function openSafely(path: string): Promise<Opened> {
  try {
    // Looked at before it is opened, because opening a device can already do something.
    const problem = statProblem(await lstat(path, { bigint: true }))
    if (problem !== undefined) return { kind: 'refused', problem }
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    return { kind: 'open', handle: await open(path, flags) }
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) return { kind: 'gone' }
    // Replaced by a link or a socket between the two calls.
    if (hasErrorCode(error, 'ELOOP', 'ENXIO')) return { kind: 'changing' }
    if (hasErrorCode(error, 'EACCES', 'EPERM')) return { kind: 'refused', problem: unreadable }
    throw error
  }
}

async function readUpTo(handle: FileHandle, maxBytes: number): Promise<Uint8Array> {
  const buffer = Buffer.alloc(maxBytes)
  let length = 0
  while (length < maxBytes) {
    const { bytesRead } = await handle.read(buffer, length, maxBytes - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  // A copy of just what was read, so that small plans do not each hold the whole buffer.
  return Buffer.from(buffer.subarray(0, length))
}

function stateOf(stats: BigIntStats): FileState {
  const { dev, ino, mode, nlink, size, mtimeNs, ctimeNs } = stats
  return {
    fingerprint: [dev, ino, mode, nlink, size, mtimeNs, ctimeNs].join(':'),
    sizeBytes: Number(size),
    changedAtMs: Math.max(Number(mtimeNs / 1_000_000n), Number(ctimeNs / 1_000_000n)),
    coarse: ctimeNs % 1_000_000_000n === 0n,
  }
}

function statProblem(stats: BigIntStats): PlanProblem | undefined {
  if (!stats.isFile()) return notAFile(kindOf(stats))
  return stats.nlink > 1n ? hardLinked : undefined
}

function sizeProblem(stats: BigIntStats): PlanProblem | undefined {
  return stats.size > BigInt(MAX_PLAN_BYTES) ? tooLarge(Number(stats.size)) : undefined
}

function kindOf(stats: BigIntStats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link'
  if (stats.isDirectory()) return 'a folder'
  if (stats.isFIFO()) return 'a named pipe'
  if (stats.isSocket()) return 'a socket'
  return 'a device'
}

function notAFile(found: string): PlanProblem {
  return {
    field: 'file',
    problem: `expected an ordinary file, found ${found}`,
    remedy: 'Put the plan itself here, as a file, or give this another name that does not end with .md.',
  }
}

const hardLinked: PlanProblem = {
  field: 'file',
  problem: 'expected a file with one name, found a hard link to a file that has another name too',
  remedy: 'Copy the file here instead of linking it.',
}

const unreadable: PlanProblem = {
  field: 'file',
  problem: 'expected a file that DevBot may read, found one without permission',
  remedy: 'Give the user that DevBot runs as the right to read it, for example with chmod a+r.',
}
