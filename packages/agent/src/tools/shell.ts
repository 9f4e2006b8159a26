import type { ExecResult } from '@devbot/contracts'
import { z } from 'zod'
import { defineTool, type ToolOutcome } from '../agent-tool.ts'
import { count, showBytes } from './show-bytes.ts'

const DEFAULT_TIMEOUT_S = 120
const MAX_TIMEOUT_S = 600
/** About 6,000 tokens: enough for a failing test's report, small beside the context. */
const MAX_OUTPUT_BYTES = 24 * 1024

export const shellTool = defineTool({
  name: 'shell',
  description:
    'Runs a shell command in the workspace; directory and environment persist. No network but through the proxy variables, where set. Output over 24 KB loses its middle.',
  input: z.strictObject({
    command: z.string().min(1).max(100_000),
    timeout_s: z.int().min(1).max(MAX_TIMEOUT_S).default(DEFAULT_TIMEOUT_S),
  }),
  readOnly: false,
  detail: (input) => input.command,
  async run(input, { workspace, signal }) {
    const result = await workspace.exec(input.command, {
      timeoutMs: input.timeout_s * 1000,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      signal,
    })
    return shellOutcome(result, input.timeout_s)
  },
})

/** A command that fails is news, not a failure of the tool: only one that had no end is an error. */
export function shellOutcome(result: ExecResult, timeoutS: number): ToolOutcome {
  const output = shownOutput(result)
  const body = output.trim() === '' ? '' : `${output.replace(/\n*$/, '')}\n`
  if (result.timedOut) {
    return {
      kind: 'error',
      text: `${body}[ended after ${timeoutS} s; give timeout_s (at most ${MAX_TIMEOUT_S}) or run less]`,
    }
  }
  if (result.aborted || result.exitCode === undefined)
    return { kind: 'error', text: `${body}[the command was interrupted]` }
  return { kind: 'ok', text: `${body}[exit code ${result.exitCode}]` }
}

/** The output; where the middle is missing, a line says how much and how to get at it. */
export function shownOutput(result: Pick<ExecResult, 'output' | 'totalOutputBytes'>): string {
  const leftOut = result.totalOutputBytes - result.output.byteLength
  if (leftOut <= 0) return showBytes(result.output)
  const middle = Math.ceil(result.output.byteLength / 2)
  const notice = `[${count(leftOut)} of ${count(result.totalOutputBytes)} bytes left out here; to see them, run it again with "> /tmp/out 2>&1" and look with sed -n, grep, head or tail]`
  return `${showBytes(result.output.subarray(0, middle))}\n${notice}\n${showBytes(result.output.subarray(middle))}`
}
