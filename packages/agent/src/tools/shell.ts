import type { ExecResult } from '@devbot/contracts'
import { z } from 'zod'
import { type AgentTool, defineTool, type ToolOutcome } from '../agent-tool.ts'
import { type JobTable, lookAtJob } from './job-table.ts'
import { count, showBytes } from './show-bytes.ts'

const DEFAULT_TIMEOUT_S = 120
const MAX_TIMEOUT_S = 600
/** About 6,000 tokens: enough for a failing test's report, small beside the context. */
const MAX_OUTPUT_BYTES = 24 * 1024
/** What fails at once shows in the first answer. */
const FIRST_LOOK_MS = 500

export function createShellTool(jobs: JobTable): AgentTool {
  return defineTool({
    name: 'shell',
    description:
      'Runs a command, at first in the root; directory and environment persist. Of output over 24 KB head and tail. background: as a job while you work.',
    input: z.strictObject({
      command: z.string().min(1).max(100_000),
      timeout_s: z.int().min(1).max(MAX_TIMEOUT_S).default(DEFAULT_TIMEOUT_S),
      background: z.boolean().default(false),
    }),
    readOnly: false,
    detail: (input) => (input.background ? `${input.command} &` : input.command),
    async run(input, { workspace, signal }) {
      if (input.background) {
        const started = await jobs.start(workspace, input.command)
        if (started.kind === 'problem') return { kind: 'error', text: started.message }
        return await lookAtJob(started.job, { workspace, signal, waitMs: FIRST_LOOK_MS })
      }
      const result = await workspace.exec(input.command, {
        timeoutMs: input.timeout_s * 1000,
        maxOutputBytes: MAX_OUTPUT_BYTES,
        keepOutput: true,
        signal,
      })
      return shellOutcome(result, input.timeout_s)
    },
  })
}

/** A command that fails is news, not a failure of the tool: only one that had no end is an error. */
export function shellOutcome(result: ExecResult, timeoutS: number): ToolOutcome {
  const output = shownOutput(result)
  const body = output.trim() === '' ? '' : `${output.replace(/\n*$/, '')}\n`
  if (result.timedOut) {
    const advice = `give timeout_s (at most ${MAX_TIMEOUT_S}), run less, or use background`
    return { kind: 'error', text: `${body}[ended after ${timeoutS} s; ${advice}]` }
  }
  if (result.aborted || result.exitCode === undefined)
    return { kind: 'error', text: `${body}[the command was interrupted]` }
  return { kind: 'ok', text: `${body}[exit code ${result.exitCode}]` }
}

/** The output; where the middle is missing, a line says how much and how to get at it. */
export function shownOutput(result: Pick<ExecResult, 'output' | 'totalOutputBytes' | 'outputPath'>): string {
  const leftOut = result.totalOutputBytes - result.output.byteLength
  if (leftOut <= 0) return showBytes(result.output)
  const middle = Math.ceil(result.output.byteLength / 2)
  const where =
    result.outputPath === undefined
      ? 'to see them, run it again with "> /tmp/out 2>&1" and look with read, sed -n or grep'
      : `the whole is in ${result.outputPath} until three more such outputs: look with read, sed -n or grep`
  const notice = `[${count(leftOut)} of ${count(result.totalOutputBytes)} bytes left out here; ${where}]`
  return `${showBytes(result.output.subarray(0, middle))}\n${notice}\n${showBytes(result.output.subarray(middle))}`
}
