import { describe, expect, it } from 'vitest'
import type { WorkerDeps } from '../deps.ts'
import type { OwnedTask } from '../own-task.ts'
import { sandboxSpec } from './sandbox-spec.ts'

const settings = {
  instance: 'devbot',
  maxMinutes: 30,
  sandboxLimits: { memoryBytes: 1, diskBytes: 2, cpus: 3, processes: 4 },
}
// All a worker has, secrets among it.
const deps = { settings, secrets: ['a-secret'], github: { token: 'a-secret' } } as unknown as WorkerDeps
const owned = { task: { id: 't0123456789ab', title: 'a-secret' }, ownership: { epoch: 7 } } as unknown as OwnedTask

describe('sandboxSpec', () => {
  it('holds whose it is and the operator’s limits, and nothing else', () => {
    expect(sandboxSpec(deps, owned, { purpose: 'agent', runId: 'r1', treeBytes: 5 })).toEqual({
      purpose: 'agent',
      instance: 'devbot',
      taskId: 't0123456789ab',
      runId: 'r1',
      epoch: 7,
      limits: { memoryBytes: 1, diskBytes: 2, cpus: 3, processes: 4, maxMinutes: 85 },
      treeBytes: 5,
    })
  })

  it('lets a check sandbox live as long as setup and tests may take, whatever the run’s limit', () => {
    expect(sandboxSpec(deps, owned, { purpose: 'check', runId: 'r1', treeBytes: 5 }).limits.maxMinutes).toBe(45)
  })
})
