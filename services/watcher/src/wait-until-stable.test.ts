import { appendFile, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitUntilStable } from './wait-until-stable.ts'

let directory = ''
let path = ''
const never = new AbortController().signal

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'devbot-stable-'))
  path = join(directory, 'a.md')
})
afterEach(() => rm(directory, { recursive: true, force: true }))

describe('waitUntilStable', () => {
  // Tried again, because on a busy machine the writer itself can be stopped for longer than the wait.
  it('waits for the last byte of a slow writer, and not much longer', { retry: 3 }, async () => {
    await rm(path, { force: true })
    await writeFile(path, 'start')
    const waiting = waitUntilStable(path, never)
    for (let chunk = 0; chunk < 8; chunk++) {
      await sleep(25)
      await appendFile(path, 'chunk')
    }
    const writtenAt = performance.now()
    const stable = await waiting
    expect(stable?.state.sizeBytes).toBe(5 + 8 * 5)
    expect(performance.now() - writtenAt).toBeLessThan(300)
  })

  it('does not believe a file that claims to be old', async () => {
    await writeFile(path, 'x')
    await utimes(path, new Date(0), new Date(0))
    const startedAt = performance.now()
    await waitUntilStable(path, never)
    expect(performance.now() - startedAt).toBeGreaterThan(80)
  })

  it('gives up at once when told to, or when the file goes', async () => {
    expect(await waitUntilStable(path, never)).toBeUndefined()
    await writeFile(path, 'x')
    expect(await waitUntilStable(path, AbortSignal.abort())).toBeUndefined()
    const waiting = waitUntilStable(path, never)
    await rm(path)
    expect(await waiting).toBeUndefined()
  })
})
