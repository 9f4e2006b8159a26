import { setTimeout as delay } from 'node:timers/promises'
import { DevBotError } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import type { WorkerDeps } from '../deps.ts'
import type { RunLog } from '../run-log.ts'
import { readySandboxes } from './ready-sandboxes.ts'

const signal = new AbortController().signal

function prepareWith(prepare: () => Promise<{ readonly environmentId: string }>) {
  const shown: string[] = []
  const log = {
    stage: async (stage: string, work: (say: () => void) => Promise<unknown>, about?: string) => {
      shown.push(`${stage}: ${about}`)
      return work(() => undefined)
    },
  } as Pick<RunLog, 'stage'>
  const deps = { sandboxes: { prepare } } as unknown as Pick<WorkerDeps, 'sandboxes'>
  return { shown, ready: readySandboxes(deps, log, signal) }
}

describe('readySandboxes', () => {
  it('shows nothing when the images are there', async () => {
    const { shown, ready } = prepareWith(async () => ({ environmentId: 'image 1' }))
    expect(await ready).toBe('image 1')
    expect(shown).toEqual([])
  })

  it('shows a pull as a stage of its own', async () => {
    const { shown, ready } = prepareWith(async () => {
      await delay(1_100)
      return { environmentId: 'image 2' }
    })
    expect(await ready).toBe('image 2')
    expect(shown).toEqual(['prepare: the sandbox images'])
  })

  it.each([0, 1_100])('fails with what the engine said, after %d ms', async (afterMs) => {
    const { ready } = prepareWith(async () => {
      await delay(afterMs)
      throw new DevBotError({ category: 'sandbox', code: 'image-missing', message: 'no such image' })
    })
    await expect(ready).rejects.toMatchObject({ category: 'sandbox', code: 'image-missing' })
  })
})
