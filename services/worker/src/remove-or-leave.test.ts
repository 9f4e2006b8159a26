import { DevBotError } from '@devbot/contracts'
import type { Sandbox, SandboxDriver, SandboxSpec } from '@devbot/sandbox'
import { expect, it } from 'vitest'
import { removeOrLeave } from './remove-or-leave.ts'

const away = (message: string) => new DevBotError({ category: 'sandbox', code: 'engine-unreachable', message })
const spec = { runId: 'r1' } as SandboxSpec

function start() {
  const warnings: string[] = []
  const sandbox = {
    async [Symbol.asyncDispose]() {
      throw away('it cannot be removed either')
    },
  } as unknown as Sandbox
  const log = { warn: (_facts: unknown, message?: string) => void warnings.push(message ?? '') }
  const driver: Pick<SandboxDriver, 'create'> = { create: async () => sandbox }
  return { sandboxes: removeOrLeave(driver, log), warnings }
}

it('keeps what was done in a sandbox that cannot be removed, and tells', async () => {
  const { sandboxes, warnings } = start()
  const work = async () => {
    await using _sandbox = await sandboxes.create(spec)
    return 'done'
  }
  await expect(work()).resolves.toBe('done')
  expect(warnings).toEqual([expect.stringContaining('left to the reaper')])
})

it('lets the error through that came first, as it is', async () => {
  const { sandboxes } = start()
  const first = away('the engine is away')
  const work = async () => {
    await using _sandbox = await sandboxes.create(spec)
    throw first
  }
  await expect(work()).rejects.toBe(first)
})
