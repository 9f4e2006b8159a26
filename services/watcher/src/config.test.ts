import { DevBotError } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { loadWatcherConfig } from './config.ts'

describe('loadWatcherConfig', () => {
  it('needs only the repository', () => {
    expect(loadWatcherConfig({ REPO_NAME: 'octo-org/hello' })).toMatchObject({
      plansDirectory: 'ai-docs',
      repositories: { default: 'octo-org/hello', allowed: [] },
      branchPrefix: 'agent/',
      instance: 'devbot',
      maxFirstStart: 5,
    })
  })

  it('names everything that is missing or malformed at once, and no value', () => {
    const env = { BRANCH_PREFIX: 'no slash', MAX_FIRST_START: 'many-secret', ALLOWED_REPOS: 'octo-org/a,broken' }
    try {
      loadWatcherConfig(env)
      expect.unreachable('the settings are wrong')
    } catch (error) {
      if (!(error instanceof DevBotError)) throw error
      for (const name of ['REPO_NAME', 'BRANCH_PREFIX', 'MAX_FIRST_START', 'ALLOWED_REPOS']) {
        expect(error.message).toContain(name)
      }
      expect(error.message).not.toContain('many-secret')
    }
  })
})
