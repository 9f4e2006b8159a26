import { DevBotError, taskIdSchema } from '@devbot/contracts'
import { z } from 'zod'
import type { Pause, PauseLedger } from './ledger.ts'
import { readRecord, writeRecord } from './records.ts'
import type { ScriptRunner } from './redis/script-runner.ts'
import { readReply, replyText, unexpectedReply } from './script-reply.ts'

const reportSchema = z.object({
  version: z.literal(1),
  id: z.string().regex(/^[A-Za-z0-9._-]{1,200}$/),
  tasks: z.array(taskIdSchema).max(1000),
  modelCalls: z.int().nonnegative(),
  sandboxes: z.int().nonnegative().optional(),
  problem: z.string().max(1000).optional(),
  heardPauseMs: z.int().optional(),
})

/** The pause of everything, and the workers' word that it holds. */
export function createPauseLedger(scripts: ScriptRunner): PauseLedger {
  return {
    pause: async () => readPause(await scripts.run('current-pause')),
    pauseAll: async (by) => {
      const pause = readPause(await scripts.run('set-pause', checkedWho(by)))
      if (pause === undefined) throw unexpectedReply('no pause')
      return pause
    },
    resumeAll: async () => readPause(await scripts.run('set-pause', '')),
    reportWorker: async (report, keptMs) => {
      const record = writeRecord(reportSchema, { version: 1, ...report, tasks: [...report.tasks] }, 'worker report')
      return readPause(await scripts.run('report-worker', report.id, record, keptMs))
    },
    liveWorkers: async () => {
      const records = readReply(z.array(z.tuple([z.string(), replyText])), await scripts.run('live-workers'))
      return records.map(([record, silentMs]) => {
        const { version: _version, ...report } = readRecord(reportSchema, record, 'worker report')
        return { ...report, silentMs: Number(silentMs) }
      })
    },
  }
}

const pauseSchema = z.union([z.tuple([]), z.tuple([z.string(), replyText])])

function readPause(reply: unknown): Pause | undefined {
  const [by, sinceMs] = readReply(pauseSchema, reply)
  return by === undefined ? undefined : { by, sinceMs: Number(sinceMs) }
}

function checkedWho(by: string): string {
  if (by !== '' && by.length <= 100) return by
  throw new DevBotError({
    category: 'bug',
    code: 'ledger-record-invalid',
    message: 'refused to pause: expected 1 to 100 characters that say who',
  })
}
