import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DevBotError, type FeedbackRow, type Task } from '@devbot/contracts'
import type { WorkerDeps } from '../deps.ts'
import { sameLogin } from '../feedback-rows.ts'
import type { OwnedTask } from '../own-task.ts'
import { renderReport } from '../report/render-report.ts'
import { freeReportName } from './free-report-name.ts'

/** Writes the report beside the plan, for every ending and after every round, and remembers that it is up to date. */
export async function writeTaskReport(deps: WorkerDeps, owned: OwnedTask): Promise<void> {
  const details = await deps.ledger.details(owned.task.id)
  if (details === undefined) return
  const planText = await deps.ledger.planText(owned.task.id)
  const text = renderReport({
    task: owned.task,
    planText,
    runs: details.runs,
    feedback: await withoutOwnWords(deps, details.feedback),
  })
  const fileName = await writeReportFile(deps.settings.plansDirectory, owned.task, text)
  await owned.record({ kind: 'report-written', fileName })
  await owned.save({ ...owned.task, reportDue: false, failedAttempts: 0 })
}

/** Our replies come back by webhook; those that nobody judged before the task ended are no feedback all the same. */
async function withoutOwnWords(
  { github, log }: Pick<WorkerDeps, 'github' | 'log'>,
  rows: readonly FeedbackRow[],
): Promise<readonly FeedbackRow[]> {
  if (!rows.some(({ state }) => state === 'open')) return rows
  try {
    const own = await github.login()
    return rows.filter(({ state, item }) => state !== 'open' || !sameLogin(item.author, own))
  } catch (error) {
    // The report is not held up for that.
    log.warn({ error }, 'GitHub does not say who DevBot is: the report may list its own replies')
    return rows
  }
}

async function writeReportFile(plansDirectory: string, task: Task, text: string): Promise<string> {
  const folder = join(plansDirectory, dirname(task.planPath))
  try {
    const fileName = await freeReportName(folder, basename(task.planPath), task.id)
    await replaceFile(join(folder, fileName), text)
    return fileName
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error'
    throw new DevBotError({
      category: 'transient',
      code: 'report-not-written',
      message: `the report of ${task.planPath} could not be written into the plan folder (${code}); check that the worker may write there`,
      cause,
    })
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.tmp`)
  // What a worker left that was killed here; only the task's owner writes its report.
  await rm(temporary, { force: true })
  try {
    const handle = await open(temporary, 'wx', 0o644)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
