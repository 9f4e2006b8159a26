import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answersStrangers } from './check-safety.ts'
import { type StartedRedis, startRedis } from './testing/start-redis.ts'

let withPassword: StartedRedis
let withoutPassword: StartedRedis
beforeAll(async () => {
  withPassword = await startRedis({ password: 'pw' })
  withoutPassword = await startRedis()
})
afterAll(() => Promise.all([withPassword.stop(), withoutPassword.stop()]))

describe('answersStrangers', () => {
  it('is true for a server without a password, also when the address carries one', async () => {
    expect(await answersStrangers(withoutPassword.url)).toBe(true)
    expect(await answersStrangers(withoutPassword.url.replace('//', '//:pw@'))).toBe(true)
  })

  it('is false for a server that asks for one', async () => {
    expect(await answersStrangers(withPassword.url)).toBe(false)
  })
})
