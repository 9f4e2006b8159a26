import { describe, expect, it } from 'vitest'
import { loadInitConfig } from './config.ts'

describe("init's settings", () => {
  it('need nothing', () => {
    expect(loadInitConfig({})).toMatchObject({ target: 'project', webhookSecret: undefined, demoGithubPort: 8090 })
  })

  it('take one webhook secret, or two during rotation', () => {
    const two = `${'a1'.repeat(8)},${'b2'.repeat(8)}`
    expect(loadInitConfig({ GITHUB_WEBHOOK_SECRET: two }).webhookSecret?.reveal()).toBe(two)
  })

  it.each(['tooshort', `${'a1'.repeat(8)},short`, `${'a1'.repeat(8)},${'b2'.repeat(8)},${'c3'.repeat(8)}`])(
    'refuse the webhook secret %j without repeating it',
    (secret) => {
      const load = () => loadInitConfig({ GITHUB_WEBHOOK_SECRET: secret })
      expect(load).toThrow(/GITHUB_WEBHOOK_SECRET: malformed/)
      expect(load).not.toThrow(secret)
    },
  )
})
