import { decideNext, foldInbox, taskEnded } from '@devbot/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Ledger, TaskSnapshot } from './ledger.ts'
import { type LedgerFixture, startLedgerFixture } from './testing/ledger-fixture.ts'
import { loadLedger, type RecordedLedger, readRecordedLedgers } from './testing/recorded-ledger.ts'
import { freshInstance } from './testing/sample-records.ts'

/** Where each plan of a recording stood, and what comes next for it. */
const EXPECTED: Readonly<Record<string, { readonly status: string; readonly next: string }>> = {
  'slow.md': { status: 'ready', next: 'implement' },
  'not-begun.md': { status: 'ready', next: 'implement' },
  'announced.md': { status: 'ready', next: 'complete-publication' },
  '261122__PLAN__rounding-and-relative-times.md': { status: 'in-review', next: 'review' },
  'held.md': { status: 'held', next: 'rest' },
  '261122__PLAN__iso-weeks.md': { status: 'no-change', next: 'rest' },
  'gives-up.md': { status: 'given-up', next: 'rest' },
  'cancelled.md': { status: 'cancelled', next: 'rest' },
  'merged.md': { status: 'merged', next: 'rest' },
}

let fixture: LedgerFixture
beforeAll(async () => {
  fixture = await startLedgerFixture()
})
afterAll(() => fixture.stop())

describe.each(readRecordedLedgers().map((recorded) => [recorded.commit.slice(0, 7), recorded] as const))(
  'the ledger that %s left',
  (_commit, recorded) => {
    let ledger: Ledger
    let snapshots: ReadonlyMap<string, TaskSnapshot>

    beforeAll(async () => {
      const instance = freshInstance()
      await loadLedger(fixture.redis.url, instance, recorded)
      ledger = await fixture.open(instance)
      snapshots = await snapshotsOf(ledger)
    })

    it('is taken as one of this version or older', async () => {
      await ledger.checkSafety()
      await ledger.raiseVersion()
      await ledger.checkSafety()
    })

    it('has every task where it stood, and says what is next for it', () => {
      const nowMs = Date.parse(recorded.recordedAt)
      const found = Object.keys(EXPECTED).map((planPath) => {
        const snapshot = snapshots.get(planPath)
        return [planPath, snapshot && { status: snapshot.task.status, next: decideNext(snapshot.task, nowMs).kind }]
      })
      expect(Object.fromEntries(found)).toEqual(EXPECTED)
    })

    it('has the branch, the pull request and the commit of what was delivered', () => {
      const { task } = snapshots.get('261122__PLAN__rounding-and-relative-times.md') ?? {}
      expect(task).toMatchObject({ rounds: 1, headCommitId: expect.any(String), branch: expect.any(String) })
      expect(task?.pullRequest?.number).toBeGreaterThan(0)
      expect(snapshots.get('announced.md')?.task.publication).toBeDefined()
    })

    it('has every run, turn, feedback item, event and sum', async () => {
      let turns = 0
      for (const { task } of snapshots.values()) {
        const details = await ledger.details(task.id)
        expect((await ledger.events(task.id)).length, task.planPath).toBeGreaterThan(0)
        for (const run of details?.runs ?? []) {
          expect(run.planHash, task.planPath).toMatch(/^[0-9a-f]{64}$/)
          turns += (await ledger.turns(run.id)).length
        }
        if (!taskEnded(task)) expect(await ledger.planText(task.id)).toContain('# ')
      }
      expect(turns).toBe(turnEntries(recorded))
      const reviewed = snapshots.get('261122__PLAN__rounding-and-relative-times.md')?.task
      const rows = reviewed === undefined ? [] : ((await ledger.details(reviewed.id))?.feedback ?? [])
      expect(rows.filter((row) => row.state === 'answered').length).toBeGreaterThanOrEqual(2)
      expect(reviewed === undefined ? 0 : await ledger.spentOnTask(reviewed.id)).toBeGreaterThan(0)
    })

    it('has what waited in the inboxes, and takes it in', () => {
      const review = snapshots.get('261122__PLAN__rounding-and-relative-times.md')
      const edited = snapshots.get('held.md')
      if (review === undefined || edited === undefined) throw new Error('a task is missing')
      expect(foldInbox(review.task, review.inbox, review.nowMs).feedback).toHaveLength(1)
      expect(foldInbox(edited.task, edited.inbox, edited.nowMs).planText).toContain('base: main')
    })

    it('lets the next owner take what a dead worker held, with a newer epoch', async () => {
      const slow = snapshots.get('slow.md')?.task
      if (slow === undefined) throw new Error('the task is missing')
      expect(await ledger.dueTasks(100)).toContain(slow.id)
      const taken = await ledger.take(slow.id, 'the next worker', 30_000)
      expect(taken).toMatchObject({ kind: 'taken', ownership: { epoch: 2 } })
      if (taken.kind !== 'taken') return
      // A record of the older version is written back as one of this version.
      const saved = await ledger.save(taken.ownership, slow)
      expect((await ledger.snapshot(slow.id))?.task).toEqual(saved)
    })
  },
)

async function snapshotsOf(ledger: Ledger): Promise<ReadonlyMap<string, TaskSnapshot>> {
  const snapshots = new Map<string, TaskSnapshot>()
  for (const { task } of await ledger.listTasks(1000)) {
    const snapshot = await ledger.snapshot(task.id)
    if (snapshot !== undefined) snapshots.set(task.planPath, snapshot)
  }
  return snapshots
}

function turnEntries({ keys }: RecordedLedger): number {
  return Object.entries(keys).reduce(
    (sum, [key, recorded]) =>
      sum + (/^run:.*:turns$/.test(key) && recorded.type === 'stream' ? recorded.entries.length : 0),
    0,
  )
}
