import { CONTAINER_LABELS, podPartName } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import type { LabelledThing } from './docker-client.ts'
import { groupByPod, judge } from './reap.ts'

const DAY_MS = 86_400_000
const NOW = Date.UTC(2030, 0, 1)
const POD = 'ab'.repeat(12)

function thing(id: string, labels: Record<string, string | undefined> = {}, createdAtMs = NOW - 60_000): LabelledThing {
  const all = {
    [CONTAINER_LABELS.instance]: 'one',
    [CONTAINER_LABELS.pod]: POD,
    [CONTAINER_LABELS.role]: 'sandbox',
    [CONTAINER_LABELS.task]: 'task',
    [CONTAINER_LABELS.run]: 'run',
    [CONTAINER_LABELS.epoch]: '3',
    [CONTAINER_LABELS.expires]: String(NOW + 60_000),
    ...labels,
  }
  const present = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { id, labels: Object.fromEntries(present), createdAtMs }
}

describe('groupByPod', () => {
  it('puts the containers and volumes of one pod together', () => {
    const volume = podPartName('one', POD, 'workspace')
    expect(groupByPod([thing('a'), thing('b', {}, NOW - 1)], [thing(volume)])).toEqual([
      {
        podId: POD,
        instance: 'one',
        owner: { taskId: 'task', runId: 'run', epoch: 3 },
        expiresAtMs: NOW + 60_000,
        youngestAtMs: NOW - 1,
        containerIds: ['a', 'b'],
        volumeNames: [volume],
      },
    ])
  })

  it('keeps two instances apart that have pods of the same id', () => {
    expect(groupByPod([thing('a'), thing('b', { [CONTAINER_LABELS.instance]: 'two' })], []).length).toBe(2)
  })

  it.each([
    ['no pod', { [CONTAINER_LABELS.pod]: undefined }],
    ['a pod id that is none', { [CONTAINER_LABELS.pod]: '../x' }],
    ['no owner', { [CONTAINER_LABELS.task]: undefined }],
    ['an epoch that is no number', { [CONTAINER_LABELS.epoch]: 'x' }],
    ['no end', { [CONTAINER_LABELS.expires]: '' }],
  ])('leaves alone what has %s in its labels', (_what, labels) => {
    expect(groupByPod([thing('a', labels)], [])).toEqual([])
  })
})

describe('judge', () => {
  const [pod] = groupByPod([thing('a')], [])
  if (!pod) throw new Error('no pod')

  it.each([
    ['asks about its own pod', {}, NOW, 'ask'],
    ['keeps its own pod that is just being made', { youngestAtMs: NOW - 5_000 }, NOW, 'keep'],
    ['removes its own expired pod, however young', { youngestAtMs: NOW + 60_001 }, NOW + 60_001, 'remove'],
    ['keeps a pod of another instance', { instance: 'two' }, NOW, 'keep'],
    ['keeps it for a day after its end', { instance: 'two' }, NOW + 60_000 + DAY_MS, 'keep'],
    ['removes it afterwards', { instance: 'two' }, NOW + 60_001 + DAY_MS, 'remove'],
  ])('%s', (_what, change, nowMs, verdict) => {
    expect(judge({ ...pod, ...change }, 'one', nowMs)).toBe(verdict)
  })
})
