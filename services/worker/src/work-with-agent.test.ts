import { createLogger } from '@devbot/config'
import { DevBotError, type RunRecord, runRecordSchema } from '@devbot/contracts'
import { expect, it } from 'vitest'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'
import type { RunLog } from './run-log.ts'
import { planOf } from './testing/base-files.ts'
import { type Work, workWithAgent } from './work-with-agent.ts'

const NOW = 1_800_000_000_000
const recordOf = (id: string, turns: number): RunRecord =>
  runRecordSchema.parse({
    version: 1,
    id,
    kind: 'implement',
    planHash: 'a'.repeat(64),
    model: 'm',
    startedAtMs: NOW,
    turns,
    costMicroUsd: 0,
    tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
  })
const noBranch = new DevBotError({ category: 'invalid-input', code: 'git-branch-missing', message: 'there is no base' })

/** A run whose earlier attempts, cut off, used all its turns; its base cannot be fetched. */
function usedUp() {
  let run = recordOf('r2', 0)
  const log = {
    get run() {
      return run
    },
    change: (part: Partial<RunRecord>) => {
      run = { ...run, ...part }
    },
    save: async () => undefined,
    stage: (_stage: string, work: (say: () => void) => Promise<unknown>) => work(() => undefined),
  } as unknown as RunLog
  const sandboxes = { name: 'process', areTried: () => true, prepare: async () => ({ environmentId: '' }) }
  const deps = {
    settings: { maxTurns: 10, maxCostMicroUsd: 1e6, maxMinutes: 60, protocol: 'native', maxCostPerDayMicroUsd: 1e6 },
    ledger: {
      details: async () => ({ runs: [recordOf('r1', 10)] }),
      spentOnTask: async () => 0,
      appendTurn: async () => undefined,
    },
    modelFor: () => ({ model: 'm', maxOutputTokens: 1_000, ask: () => Promise.reject(new Error('was asked')) }),
    log: createLogger({ service: 'test', level: 'silent', secrets: [] }),
    now: () => NOW,
    secrets: [],
    sandboxes,
  } as unknown as WorkerDeps
  const owned = { task: { id: 't1' }, signal: new AbortController().signal, waits: () => false } as unknown as OwnedTask
  const work = {
    kind: 'implement',
    plan: planOf('title: The plan'),
    rules: { sandbox: {}, maxTokens: 1e9, scopes: [] },
    model: 'm',
    test: { command: 'npm test', why: '' },
    firstMessage: 'go',
    delimiter: 'd',
    items: [],
    source: () => Promise.reject(noBranch),
  } as unknown as Work
  return workWithAgent(deps, owned, log, work)
}

it('comes to an end where no limit leaves room for a first request', async () => {
  await expect(usedUp()).rejects.toBe(noBranch)
})
