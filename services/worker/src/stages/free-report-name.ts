import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { reportFileNameFor } from '@devbot/contracts'

/** A report's front matter is a few hundred bytes. */
const MAX_HEAD_BYTES = 16 * 1024

/** The usual name, unless a person has something of that name which is no report of ours: theirs is never overwritten. */
export async function freeReportName(folder: string, planName: string, taskId: string): Promise<string> {
  const usual = reportFileNameFor(planName)
  const there = await headOf(join(folder, usual))
  if (there.kind === 'missing' || (there.kind === 'file' && isReport(there.head))) return usual
  return usual.replace(/(\.report)?\.md$/i, `.${taskId}.report.md`)
}

function isReport(head: string): boolean {
  return /^---\r?\n[\s\S]*?^task: t[0-9a-f]{12}$/m.test(head)
}

type Found = { readonly kind: 'missing' | 'no-file' } | { readonly kind: 'file'; readonly head: string }

/** Never follows a link, never waits for whoever writes into a FIFO. */
async function headOf(path: string): Promise<Found> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    if (!(await file.stat()).isFile()) return { kind: 'no-file' }
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_HEAD_BYTES), 0, MAX_HEAD_BYTES, 0)
    return { kind: 'file', head: buffer.toString('utf8', 0, bytesRead) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') return { kind: 'missing' }
    // A link, or a socket.
    if (code === 'ELOOP' || code === 'ENXIO') return { kind: 'no-file' }
    throw error
  }
}
