import { readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectLedger } from './connect-ledger.ts'
import type { TurnEntry } from './ledger.ts'
import { createdTask, type LedgerFixture, startLedgerFixture, takenTask } from './testing/ledger-fixture.ts'
import { freshInstance, newTaskFor } from './testing/sample-records.ts'

let fixture: LedgerFixture
beforeAll(async () => {
  fixture = await startLedgerFixture()
})
afterAll(() => fixture.stop())

let runs = 0
async function openOwned() {
  const ledger = await fixture.open()
  const task = await createdTask(ledger, newTaskFor('plan'))
  runs += 1
  return { ledger, task, ownership: await takenTask(ledger, task.id), runId: `run-${runs}` }
}

const large: TurnEntry = { kind: 'start', turn: 1, body: JSON.stringify('ä'.repeat(200_000)) }
const fileOf = async (runId: string) => {
  const folder = join(fixture.bodyDirectory, runId)
  const [name, ...others] = await readdir(folder)
  expect(others).toEqual([])
  return join(folder, name ?? '')
}

describe('turns', () => {
  it('come back as they were written, small and large, over several pages', async () => {
    const { ledger, ownership, runId } = await openOwned()
    const entries: TurnEntry[] = [large]
    for (let turn = 1; turn <= 450; turn++) entries.push({ kind: 'tool-result', turn, body: `{"turn":${turn}}` })
    for (const entry of entries) await ledger.appendTurn(ownership, runId, entry)
    expect(await ledger.turns(runId)).toEqual(entries)
    expect((await readFile(await fileOf(runId))).length).toBeLessThan(10_000)
  })

  it('are not read from a body that was cut, exchanged or removed', async () => {
    const { ledger, ownership, runId } = await openOwned()
    await ledger.appendTurn(ownership, runId, large)
    const path = await fileOf(runId)
    await truncate(path, 50)
    await expect(ledger.turns(runId)).rejects.toMatchObject({ category: 'bug', code: 'turn-body-corrupt' })
    await writeFile(path, gzipSync('something else'))
    await expect(ledger.turns(runId)).rejects.toMatchObject({ category: 'bug', code: 'turn-body-corrupt' })
  })

  it('refuse a run id that would leave the folder', async () => {
    const { ledger, ownership } = await openOwned()
    await expect(ledger.appendTurn(ownership, '../escape', large)).rejects.toMatchObject({ category: 'invalid-input' })
    await expect(ledger.turns('..')).rejects.toMatchObject({ category: 'invalid-input' })
  })

  it('say so when this process was given no folder for large bodies', async () => {
    const ledger = await connectLedger({ redisUrl: fixture.redis.url, instance: freshInstance() })
    const task = await createdTask(ledger, newTaskFor('plan'))
    const ownership = await takenTask(ledger, task.id)
    await expect(ledger.appendTurn(ownership, 'run-x', large)).rejects.toMatchObject({
      code: 'turn-bodies-unconfigured',
    })
    await ledger.close()
  })
})
