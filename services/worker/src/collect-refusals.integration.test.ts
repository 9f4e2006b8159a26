import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type NetworkRefusal, type RunRecord, runRecordSchema } from '@devbot/contracts'
import { createProcessDriver, type Sandbox, type SandboxSpec } from '@devbot/sandbox'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { collectRefusals } from './collect-refusals.ts'

let rootDirectory: string
beforeEach(() => {
  rootDirectory = mkdtempSync(join(tmpdir(), 'collect-refusals-'))
})
afterEach(() => rmSync(rootDirectory, { recursive: true, force: true }))

const refusal: NetworkRefusal = { host: 'a.example', port: 443, reason: 'not on the list', count: 2 }
const spec: SandboxSpec = {
  purpose: 'check',
  instance: 'test',
  taskId: 't0123456789ab',
  runId: 'r1',
  epoch: 1,
  limits: { memoryBytes: 1e9, diskBytes: 1e9, cpus: 1, processes: 100, maxMinutes: 1 },
}

/** Real sandboxes, which have no proxy before them: what it would answer is given. */
function start(networkRefusals: Sandbox['networkRefusals']) {
  const driver = createProcessDriver({ rootDirectory, instance: 'test', pathEnvironment: process.env.PATH ?? '' })
  let run: RunRecord = runRecordSchema.parse({
    version: 1,
    id: 'r1',
    kind: 'implement',
    planHash: 'a'.repeat(64),
    model: 'm',
    startedAtMs: 1,
    turns: 0,
    costMicroUsd: 0,
    tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
  })
  const warnings: string[] = []
  const sandboxes = collectRefusals(
    { ...driver, create: async (...args) => ({ ...(await driver.create(...args)), networkRefusals }) },
    {
      get run() {
        return run
      },
      change: (part) => {
        run = { ...run, ...part }
      },
    },
    { warn: (_facts: unknown, message?: string) => void warnings.push(message ?? '') },
  )
  return { sandboxes, run: () => run, warnings }
}

const left = () => readdirSync(join(rootDirectory, readdirSync(rootDirectory)[0] ?? ''))

describe('collectRefusals', () => {
  it('adds up in the record what was refused to every sandbox of the run, and removes the sandboxes', async () => {
    const { sandboxes, run } = start(async () => [refusal])
    for (let count = 0; count < 2; count += 1) {
      await using sandbox = await sandboxes.create(spec)
      await sandbox.networkRefusals()
    }
    expect(run().networkRefusals).toEqual([{ ...refusal, count: 4 }])
    expect(left()).toEqual([])
  })

  it('leaves a record alone where nothing was refused', async () => {
    const { sandboxes, run } = start(async () => [])
    await (await sandboxes.create(spec))[Symbol.asyncDispose]()
    expect(run()).not.toHaveProperty('networkRefusals')
  })

  it('removes the sandbox and says so when it cannot be asked', async () => {
    const { sandboxes, warnings } = start(async () => {
      throw new Error('no answer')
    })
    await (await sandboxes.create(spec))[Symbol.asyncDispose]()
    expect(left()).toEqual([])
    expect(warnings).toHaveLength(1)
  })
})
