import { realpathSync, statSync } from 'node:fs'
import type { Logger } from '@devbot/config'
import { categoryOf, DevBotError, type RepositoryName } from '@devbot/contracts'
import type { PlanIntakeLedger, TaskQueue } from '@devbot/queue'
import { hasErrorCode } from './error-code.ts'
import { assessFirstStart, type FirstStart } from './first-start.ts'
import { createLedgerOutage } from './ledger-outage.ts'
import { listPlanFolder } from './list-plan-folder.ts'
import { pause } from './pause.ts'
import { createPickUp } from './pick-up-plans.ts'
import { createPlanIntake } from './plan-intake.ts'
import { createRejectionFiles } from './rejection-file.ts'
import { watchPlanFolder } from './watch-plan-folder.ts'

/** How often the start asks whether an outage is over. */
const START_AGAIN_MS = 100

export type WatcherOptions = {
  /** The plan folder; must exist. */
  readonly directory: string
  readonly ledger: PlanIntakeLedger
  readonly queue: Pick<TaskQueue, 'wake'>
  readonly repositories: { readonly default: RepositoryName; readonly allowed: readonly RepositoryName[] }
  readonly branchPrefix: string
  /** More startable plans than this at a first start are accepted but held. */
  readonly maxFirstStart: number
  /** Pause between two full scans. */
  readonly scanSeconds: number
  readonly log: Logger
}

export type Watcher = {
  /**
   * Resolves when the folder is watched and the plans that were there at the start have been taken in or rejected; while the ledger is away it stays open. Rejects when the folder cannot be watched at all.
   */
  readonly ready: Promise<void>
  /** What keeps the watcher from working just now, for the readiness check. */
  readonly notReady: () => string | undefined
  /** Ends watching; what is being taken in is finished first. */
  close(): Promise<void>
}

/**
 * Watches the plan folder and takes its plans into the ledger. Events are hints; a full scan at the start, after an
 * outage, after a file went away, and every `scanSeconds` finds what they missed. Throws category `config` when there
 * is no such folder.
 */
export function startWatcher(options: WatcherOptions): Watcher {
  const { ledger, queue, log } = options
  const directory = existingFolder(options.directory)
  const rules = { repositories: options.repositories, branchPrefix: options.branchPrefix }
  const rejections = createRejectionFiles(directory)
  const intake = createPlanIntake({ directory, ledger, queue, rules, rejections, log })
  const outage = createLedgerOutage({ ask: () => ledger.countTasks(), onBack: () => void scan(), log })
  const pickUp = createPickUp({
    directory,
    takeIn: async (name, unchangedMs) =>
      firstStart === undefined || outage.active()
        ? { kind: 'open' }
        : intake.takeIn(name, { unchangedMs, firstStartHold: firstStart.holds(name) }),
    onGone: () => void scan(),
    onTransient: outage.report,
    log,
  })
  const closing = new AbortController()
  let firstStart: FirstStart | undefined
  let ledgerBefore: string | undefined
  let trouble: string | undefined = 'the plan folder has not been read yet'
  let scanning: Promise<readonly string[]> | undefined
  let scanAgain = false

  async function watchAndScan(onReady: () => void): Promise<void> {
    const folderWatch = await watchPlanFolder({ directory, onHint: pickUp.hint, log })
    try {
      await scanAtStart()
      onReady()
      while (await pause(options.scanSeconds * 1_000, closing.signal)) {
        const unannounced = await scan()
        if (unannounced.length > 0) await folderWatch.startPolling('a scan found a change that no event had told of')
      }
    } finally {
      await folderWatch.close()
    }
  }

  async function scanAtStart(): Promise<void> {
    while (!closing.signal.aborted) {
      if (!outage.active()) {
        firstStart ??= await guarded(async () => {
          const { planNames: names } = await listPlanFolder(directory)
          return assessFirstStart({ names, intake, ledger, maxFirstStart: options.maxFirstStart, log })
        })
        await scan()
        if (firstStart !== undefined && trouble === undefined && !outage.active()) return
      }
      await pause(START_AGAIN_MS, closing.signal)
    }
  }

  /** One scan at a time; asked for during one, another follows. Returns changed files that no event had told of. */
  function scan(): Promise<readonly string[]> {
    scanAgain = true
    scanning ??= scanUntilAsked().finally(() => {
      scanning = undefined
    })
    return scanning
  }

  async function scanUntilAsked(): Promise<readonly string[]> {
    const unannounced: string[] = []
    while (scanAgain && !closing.signal.aborted && firstStart !== undefined && !outage.active()) {
      scanAgain = false
      unannounced.push(...((await guarded(scanOnce)) ?? []))
    }
    return unannounced
  }

  async function scanOnce(): Promise<readonly string[]> {
    const { fileNames, planNames, unreadableNames } = await listPlanFolder(directory)
    if (trouble !== undefined && unreadableNames > 0) {
      log.warn({ files: unreadableNames }, 'files whose names are not UTF-8 are ignored; rename them')
    }
    trouble = undefined
    const identity = await ledger.identity()
    // Another one than before: the ledger was emptied, and the folder is what rebuilds it.
    if (ledgerBefore !== undefined && identity !== ledgerBefore) {
      log.warn('the ledger was emptied; every plan is looked at again')
      pickUp.forgetAll()
    }
    ledgerBefore = identity
    const unannounced = await pickUp.visitAll(planNames)
    await rejections.removeOrphans(fileNames, planNames)
    return unannounced
  }

  /** Undefined when it failed: the next scan tries again. */
  async function guarded<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (categoryOf(error) === 'transient') outage.report(error)
      else noteTrouble(error)
      return undefined
    }
  }

  /** The same trouble is logged once, not with every scan. */
  function noteTrouble(error: unknown): void {
    const isGone = hasErrorCode(error, 'ENOENT', 'ENOTDIR')
    const now = isGone ? `there is no folder ${directory} any more` : `reading ${directory} failed`
    if (trouble !== now) log.error({ error }, `${now}; every scan tries again`)
    trouble = now
  }

  const ready = Promise.withResolvers<void>()
  const finished = watchAndScan(ready.resolve).then(ready.resolve, ready.reject)
  return {
    ready: ready.promise,
    notReady: () => trouble ?? (outage.active() ? 'the ledger is away' : undefined),
    async close() {
      closing.abort()
      await outage.close()
      await pickUp.close()
      await finished
      await scanning
    },
  }
}

function existingFolder(directory: string): string {
  try {
    // Links on the way are followed once, here; below the folder none are.
    const path = realpathSync(directory)
    if (statSync(path).isDirectory()) return path
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) throw error
  }
  throw new DevBotError({
    category: 'config',
    code: 'plan-folder-missing',
    message: `expected a folder for plans at "${directory}", found none that can be read; make it, or set AI_DOCS_DIR to another folder`,
  })
}
