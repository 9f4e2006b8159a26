import { z } from 'zod'
import { type AgentTool, defineTool } from '../agent-tool.ts'
import { type JobTable, lookAtJob, stateOf } from './job-table.ts'

const MAX_WAIT_S = 600

export function createJobTool(jobs: JobTable): AgentTool {
  return defineTool({
    name: 'job',
    description:
      'New output of a background job, after up to wait_s for its end; stop ends it. Without id: all jobs. finish ends all.',
    input: z.strictObject({
      id: z.int().min(1).optional(),
      wait_s: z.int().min(0).max(MAX_WAIT_S).default(0),
      stop: z.boolean().default(false),
    }),
    readOnly: false,
    detail: (input) => (input.id === undefined ? 'list' : `${input.stop ? 'stop ' : ''}${input.id}`),
    async run(input, { workspace, signal }) {
      if (input.id === undefined) return { kind: 'ok', text: jobs.jobs.map(stateOf).join('\n') || '[no jobs]' }
      const job = jobs.jobs.find(({ number }) => number === input.id)
      if (job === undefined) {
        const known = jobs.jobs.map(({ number }) => number).join(', ') || 'none'
        return { kind: 'error', text: `There is no job ${input.id} any more, or never was. There are: ${known}.` }
      }
      if (input.stop) await job.process.stop()
      return await lookAtJob(job, { workspace, signal, waitMs: input.wait_s * 1000 })
    },
  })
}

/** The same tool, whose answers also tell which jobs have ended meanwhile. */
export function tellingEnds(tool: AgentTool, jobs: JobTable): AgentTool {
  return {
    ...tool,
    prepare(input) {
      const prepared = tool.prepare(input)
      if (prepared.kind === 'invalid') return prepared
      return {
        ...prepared,
        async run(context) {
          const outcome = await prepared.run(context)
          const ends = jobs.takeEnds()
          return ends.length === 0 ? outcome : { ...outcome, text: [outcome.text, ...ends].join('\n') }
        },
      }
    },
  }
}
