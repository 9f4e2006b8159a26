import { basename } from 'node:path'
import type { Logger } from '@devbot/config'
import { type FSWatcher, watch } from 'chokidar'
import { deliversEvents, isNetworkFileSystem, isProbeFileName } from './event-probe.ts'

/** Polling period: with the wait for stability it keeps a plan's way into the queue below 0.3 s. */
const POLLING_MS = 120

export type PlanFolderWatch = {
  /** Why the folder is polled; undefined while events are relied on. */
  polling(): string | undefined
  /** Events turned out to be missing: polls from now on. Returns at once when it does so already. */
  startPolling(reason: string): Promise<void>
  close(): Promise<void>
}

/**
 * Watches the files directly in a folder and names each one that may have changed. Names are hints, nothing more: one
 * can come late, twice or not at all. Mounts that deliver no events are polled: known network file systems from the
 * start, others when a probe file is not noticed, and any later one when `startPolling` is called.
 */
export async function watchPlanFolder(options: {
  readonly directory: string
  readonly onHint: (fileName: string) => void
  readonly log: Logger
}): Promise<PlanFolderWatch> {
  const { directory, log } = options
  let pollingReason: string | undefined
  let closed = false
  let watcher: FSWatcher | undefined
  let onProbe: () => void = () => undefined

  async function open(): Promise<void> {
    const fresh = watch(directory, {
      depth: 0,
      followSymlinks: false,
      ignoreInitial: true,
      ignorePermissionErrors: true,
      // Whether a file is complete is judged by our own wait, which also covers files found by a scan.
      atomic: false,
      awaitWriteFinish: false,
      ignored: (path) => path !== directory && !isProbeFileName(basename(path)) && !path.toLowerCase().endsWith('.md'),
      backend: pollingReason === undefined ? 'native' : 'polling',
      pollingInterval: POLLING_MS,
    })
    watcher = fresh
    fresh.on('all', (_event, path) => {
      const name = basename(path)
      if (isProbeFileName(name)) onProbe()
      else if (path !== directory) options.onHint(name)
    })
    fresh.on('error', (error) => onWatchError(error))
    await new Promise<void>((resolve) => {
      fresh.once('ready', resolve)
      // A watcher that fails at once (no watches left) never gets ready; polling takes over.
      fresh.once('error', () => resolve())
    })
  }

  function onWatchError(error: unknown): void {
    if (closed) return
    if (pollingReason !== undefined) log.warn({ error }, 'watching the plan folder failed; the periodic scan goes on')
    else void startPolling(`watching failed: ${error instanceof Error ? error.message : String(error)}`)
  }

  async function startPolling(reason: string): Promise<void> {
    if (closed || pollingReason !== undefined) return
    pollingReason = reason
    log.warn({ directory, reason, everyMs: POLLING_MS }, 'the plan folder delivers no reliable events; it is polled')
    await watcher?.close()
    if (!closed) await open()
  }

  if (await isNetworkFileSystem(directory)) {
    await startPolling('a network or shared file system')
  } else {
    await open()
    const noticed = await deliversEvents(directory, (listener) => {
      onProbe = listener
    })
    if (noticed !== true) await startPolling(noticed)
  }

  return {
    polling: () => pollingReason,
    startPolling,
    async close() {
      closed = true
      await watcher?.close()
    },
  }
}
