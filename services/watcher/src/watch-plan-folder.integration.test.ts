import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '@devbot/config'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPickUp } from './pick-up-plans.ts'
import { eventually } from './testing/watched-folder.ts'
import { type PlanFolderWatch, watchPlanFolder } from './watch-plan-folder.ts'

const log = createLogger({ service: 'watcher', level: 'silent', secrets: [], destination: { write: () => undefined } })
let directory = ''
let watching: PlanFolderWatch
const hints: string[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'devbot-watch-'))
  hints.length = 0
  watching = await watchPlanFolder({ directory, onHint: (name) => hints.push(name), log })
})
afterEach(async () => {
  await watching.close()
  await rm(directory, { recursive: true, force: true })
})

describe('watchPlanFolder', () => {
  it('relies on events where a probe file is noticed, and leaves no probe behind', async () => {
    expect(watching.polling()).toBeUndefined()
    expect(await readdir(directory)).toEqual([])
    await writeFile(join(directory, 'plan.md'), 'x')
    await eventually(
      async () => hints,
      (seen) => seen.includes('plan.md'),
    )
    expect(new Set(hints)).toEqual(new Set(['plan.md']))
  })

  it('polls when it is told that events are missing', async () => {
    await writeFile(join(directory, 'before.md'), 'x')
    await watching.startPolling('a test')
    expect(watching.polling()).toBe('a test')
    hints.length = 0
    await writeFile(join(directory, 'new.md'), 'x')
    await writeFile(join(directory, 'before.md'), 'changed')
    await eventually(
      async () => hints,
      (seen) => seen.includes('new.md') && seen.includes('before.md'),
    )
    await rm(join(directory, 'new.md'))
    hints.length = 0
    await eventually(
      async () => hints,
      (seen) => seen.includes('new.md'),
    )
  })
})

describe('createPickUp', () => {
  it('names changed files that no event had told of', async () => {
    const taken: string[] = []
    const pickUp = createPickUp({
      directory,
      takeIn: async (name) => {
        taken.push(name)
        return { kind: 'settled' }
      },
      onGone: () => undefined,
      onTransient: () => undefined,
      log,
    })
    await writeFile(join(directory, 'told.md'), 'x')
    await writeFile(join(directory, 'untold.md'), 'x')
    pickUp.hint('told.md')
    await eventually(
      async () => taken,
      (seen) => seen.includes('told.md'),
    )
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    expect(await pickUp.visitAll(['told.md', 'untold.md'])).toEqual(['untold.md'])
    expect(await pickUp.visitAll(['told.md', 'untold.md'])).toEqual([])
    expect(taken).toEqual(['told.md', 'untold.md'])
    await pickUp.close()
  })
})
