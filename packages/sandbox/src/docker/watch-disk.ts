import { createInterface } from 'node:readline'
import { DevBotError, SANDBOX_PATHS, SANDBOX_USER } from '@devbot/contracts'
import type { SandboxProcess } from '../engine.ts'
import type { DockerClient } from './docker-client.ts'
import { createExecProcess } from './exec-process.ts'
import { runInContainer } from './run-in-container.ts'

/** As the profile gives a workspace in memory: one inode for 8 KiB. */
const BYTES_PER_INODE = 8 * 1024
/** Until the first figures are there; a process starts in 80 ms. */
const FIRST_FIGURES_MS = 30_000
/** Counting a million files takes some seconds. */
const COUNT_TIMEOUT_MS = 60_000
/**
 * What fills the disk may be somebody else's, so the sandbox's own files are counted before it is ended. A sandbox can hide
 * files from that (deleted but open, in a locked folder), so what nobody's files explain is allowed so many times its disk
 * over its life; then it goes anyway.
 */
const UNEXPLAINED_DISKS = 4

export type DiskUse = { readonly bytes: number; readonly inodes: number }

type WatchInput = {
  readonly client: DockerClient
  /** Mounts the same volume; nothing untrusted runs in it. */
  readonly anchorId: string
  readonly diskBytes: number
  /** Called once, when the sandbox has to go. */
  readonly onFull: (reason: DevBotError) => void
}

export type DiskWatch = { close(): void }

/**
 * A volume has no size of its own. This watches, from the anchor, how the file system below it fills: one figure a second
 * from one small process. Resolves with the first figure.
 */
export async function watchDisk({ client, anchorId, diskBytes, onFull }: WatchInput): Promise<DiskWatch> {
  const process = await startWatcher(client, anchorId)
  const first = Promise.withResolvers<DiskUse>()
  let base: DiskUse | undefined
  let unexplained: DiskUse = { bytes: 0, inodes: 0 }
  let closed = false
  let counting = false

  function close(): void {
    closed = true
    process.stdin.destroy()
    process.stdout.destroy()
  }
  function end(reason: DevBotError): void {
    if (closed) return
    close()
    onFull(reason)
  }
  async function take(use: DiskUse): Promise<void> {
    base ??= use
    first.resolve(use)
    if (counting || !isOver(less(use, base), diskBytes)) return
    counting = true
    const own = await countOwn(client, anchorId)
    counting = false
    const grown = less(use, base)
    if (own === undefined || isOver(own, diskBytes)) return end(diskFull(diskBytes, own ?? grown))
    unexplained = less(unexplained, less(own, grown))
    if (isOver(unexplained, UNEXPLAINED_DISKS * diskBytes)) return end(diskFull(diskBytes, unexplained))
    // Others wrote the rest: the sandbox's growth is counted on from what it has.
    base = less(use, own)
  }

  const lines = createInterface({ input: process.stdout })
  lines.on('line', (line) => {
    const use = parseFigures(line)
    if (use && !closed) take(use).catch(() => end(unwatched()))
  })
  process.stderr.resume()
  void process.exitCode.then(() => {
    first.reject(unwatched())
    end(unwatched())
  })
  const late = setTimeout(() => first.reject(unwatched()), FIRST_FIGURES_MS)
  try {
    await first.promise
    return { close }
  } catch (error) {
    closed = true
    throw error
  } finally {
    clearTimeout(late)
  }
}

/** Ends with the anchor. */
const FIGURES = `while stat -f -c '%S %b %f %c %d' ${SANDBOX_PATHS.root}; do sleep 1; done`

async function startWatcher(client: DockerClient, anchorId: string): Promise<SandboxProcess> {
  const execId = await client.createExec(anchorId, { argv: ['/bin/sh', '-c', FIGURES], user: SANDBOX_USER })
  const stream = await client.startExec(execId)
  const isRunning = async () => (await client.inspectContainer(anchorId))?.running ?? false
  return createExecProcess({ client, execId, stream, isRunning, kill: async () => void stream.destroy() })
}

/** Block size, blocks, free blocks, inodes, free inodes. Exported for its test. */
export function parseFigures(line: string): DiskUse | undefined {
  const figures = /^(\d+) (\d+) (\d+) (\d+) (\d+)$/.exec(line)?.slice(1).map(Number)
  if (!figures?.every(Number.isSafeInteger)) return undefined
  const [blockBytes = 0, blocks = 0, freeBlocks = 0, inodes = 0, freeInodes = 0] = figures
  return { bytes: (blocks - freeBlocks) * blockBytes, inodes: inodes - freeInodes }
}

/** What the sandbox itself has, as its own user but in the anchor, where it can meddle with nothing. */
const COUNT = `du -skx ${SANDBOX_PATHS.root} 2>/dev/null; find ${SANDBOX_PATHS.root} -xdev 2>/dev/null | wc -l`

async function countOwn(client: DockerClient, anchorId: string): Promise<DiskUse | undefined> {
  const argv = ['/bin/sh', '-c', COUNT]
  const counted = await runInContainer({
    client,
    containerId: anchorId,
    user: SANDBOX_USER,
    argv,
    timeoutMs: COUNT_TIMEOUT_MS,
  })
  const [, kibibytes, files] = /^(\d+)\s.*\n\s*(\d+)\s*$/.exec(counted?.output ?? '') ?? []
  if (kibibytes === undefined || files === undefined) return undefined
  return { bytes: Number(kibibytes) * 1024, inodes: Number(files) }
}

function less(use: DiskUse, by: DiskUse): DiskUse {
  return { bytes: use.bytes - by.bytes, inodes: use.inodes - by.inodes }
}

function isOver({ bytes, inodes }: DiskUse, diskBytes: number): boolean {
  return bytes > diskBytes || inodes > diskBytes / BYTES_PER_INODE
}

function diskFull(diskBytes: number, { bytes, inodes }: DiskUse): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-disk-full',
    message:
      `The sandbox wrote ${bytes} bytes in ${inodes} files to its disk; SANDBOX_DISK allows ${diskBytes} bytes in ` +
      `${Math.floor(diskBytes / BYTES_PER_INODE)} files. Everything in it was stopped.`,
  })
}

function unwatched(): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-disk-unwatched',
    message:
      'How much the sandbox writes to its disk could not be watched any more (its anchor ended, or the engine was away), so it was stopped.',
  })
}
