import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCrashPoints, pointFile, readTrace } from './crash-points.ts'

let directory: string
let kills: number
/** A process that survives its kill, for the test's sake. */
const startProcess = () => createCrashPoints(directory, () => ++kills > 0)

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'devbot-crash-points-'))
  kills = 0
})
afterEach(() => rmSync(directory, { recursive: true }))

describe('crash points', () => {
  it('are named by call, count and side, for the plan that is worked on', async () => {
    const points = startProcess()
    points.pass('ledger.save', () => undefined)
    points.begin('a.md')
    points.pass('ledger.save', () => undefined, 1)
    await points.pass('ledger.save', async () => undefined, 2)
    expect(readTrace(directory, 'a.md')).toEqual({
      points: ['ledger.save:1:before', 'ledger.save:1:after', 'ledger.save:2:before', 'ledger.save:2:after'],
      killedAt: undefined,
      epochs: [1, 2],
    })
  })

  it('have no second side when the call fails', async () => {
    const points = startProcess()
    points.begin('a.md')
    await expect(points.pass('store.push', () => Promise.reject(new Error('reset')))).rejects.toThrow('reset')
    expect(readTrace(directory, 'a.md').points).toEqual(['store.push:1:before'])
  })

  it('are counted on by the next process, which dies of the same plan never again', () => {
    writeFileSync(pointFile(directory, 'a.md'), 'ledger.save:2:before')
    const first = startProcess()
    first.begin('a.md')
    first.pass('ledger.save', () => undefined)
    expect(kills).toBe(0)
    const second = startProcess()
    second.begin('a.md')
    second.pass('ledger.save', () => undefined)
    expect(kills).toBe(1)
    const third = startProcess()
    third.begin('a.md')
    third.pass('ledger.save', () => undefined)
    expect(kills).toBe(1)
    expect(readTrace(directory, 'a.md').killedAt).toBe('ledger.save:2:before')
    expect(readTrace(directory, 'a.md').points.at(-1)).toBe('ledger.save:3:after')
  })
})
