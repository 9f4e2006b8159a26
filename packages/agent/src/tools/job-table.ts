import { setTimeout as delay } from 'node:timers/promises'
import type { BackgroundCommand } from '@devbot/contracts'
import type { ToolContext, ToolOutcome } from '../agent-tool.ts'
import { oneLine } from '../agent-tool.ts'
import type { Workspace } from '../ports.ts'
import { count, showBytes } from './show-bytes.ts'

/** A server, a watcher and a build, twice. The sandbox has its own limit on processes. */
const MAX_RUNNING = 6
/** Of ended ones the sandbox keeps no more outputs. */
const MAX_ENDED = 4
/** What one look shows, as with other commands. */
const MAX_SHOWN_BYTES = 24 * 1024
/** The last words of a command reach its file after its end is told, by a moment. */
const LAST_WORDS_MS = 50

export type Job = {
  readonly number: number
  readonly command: string
  readonly process: BackgroundCommand
  /** Bytes of its output that were shown or left out by a look. */
  readTo: number
  end: { readonly exitCode?: number } | undefined
  endTold: boolean
}

/** The background commands of one run, by numbers from 1. */
export type JobTable = {
  start(
    workspace: Workspace,
    command: string,
  ): Promise<{ readonly kind: 'started'; readonly job: Job } | { readonly kind: 'problem'; readonly message: string }>
  readonly jobs: readonly Job[]
  /** One line for each end that no answer has told yet; asked once each. */
  takeEnds(): readonly string[]
}

export function createJobTable(): JobTable {
  const jobs: Job[] = []
  let last = 0
  return {
    jobs,
    async start(workspace, command) {
      const running = jobs.filter((job) => job.end === undefined)
      if (running.length >= MAX_RUNNING) {
        const numbers = running.map((job) => job.number).join(', ')
        return {
          kind: 'problem',
          message: `Not started: jobs ${numbers} are running, ${MAX_RUNNING} at once. Stop one.`,
        }
      }
      const process = await workspace.startCommand(command)
      last += 1
      const job: Job = { number: last, command, process, readTo: 0, end: undefined, endTold: false }
      void process.ended.then((end) => {
        job.end = end
      })
      jobs.push(job)
      const ended = jobs.filter((known) => known.end !== undefined)
      for (const old of ended.slice(0, -MAX_ENDED)) jobs.splice(jobs.indexOf(old), 1)
      return { kind: 'started', job }
    },
    takeEnds() {
      const news = jobs.filter((job) => job.end !== undefined && !job.endTold)
      for (const job of news) job.endTold = true
      return news.map(stateOf)
    },
  }
}

/** How a job is, in brackets as everything that is no output. */
export function stateOf({ number, command, end }: Job): string {
  const what = `job ${number} (${oneLine(command, 60)})`
  if (end === undefined) return `[${what} is running]`
  return end.exitCode === undefined ? `[${what} was ended]` : `[${what} ended with exit code ${end.exitCode}]`
}

/** What a job wrote since the last look, once it has ended or `waitMs` are over. */
export async function lookAtJob(
  job: Job,
  { workspace, signal, waitMs }: ToolContext & { readonly waitMs: number },
): Promise<ToolOutcome> {
  await endOrTime(job, waitMs, signal)
  if (job.end !== undefined) {
    await delay(LAST_WORDS_MS)
    job.endTold = true
  }
  const output = await newOutput(job, workspace)
  return { kind: 'ok', text: `${output.replace(/\n*$/, '')}\n${stateOf(job)}` }
}

async function endOrTime(job: Job, waitMs: number, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  // A wait that is broken off has waited long enough.
  await Promise.race([job.process.ended, delay(waitMs, undefined, { signal: either }).catch(() => undefined)])
  over.abort()
}

async function newOutput(job: Job, workspace: Workspace): Promise<string> {
  const path = job.process.outputPath
  const from = job.readTo
  const head = await workspace.readFile(path, { fromByte: from, maxBytes: MAX_SHOWN_BYTES })
  if (head.kind !== 'file' || head.totalBytes <= from) return '[no new output]'
  job.readTo = head.totalBytes
  const fresh = head.totalBytes - from
  if (fresh <= MAX_SHOWN_BYTES) return showBytes(head.bytes)
  const half = MAX_SHOWN_BYTES / 2
  const tail = await workspace.readFile(path, { fromByte: head.totalBytes - half, maxBytes: half })
  const notice = `[${count(fresh - MAX_SHOWN_BYTES)} of ${count(fresh)} new bytes left out here; the whole is in ${path}]`
  return `${showBytes(head.bytes.subarray(0, half))}\n${notice}\n${tail.kind === 'file' ? showBytes(tail.bytes) : ''}`
}
