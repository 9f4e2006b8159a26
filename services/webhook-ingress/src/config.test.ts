import { DevBotError } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { allowedRepositoriesOf, loadIngressConfig } from './config.ts'

const good = { GITHUB_WEBHOOK_SECRET: 'sixteen-letters!', REPO_NAME: 'octo/hello' }

function problemOf(env: Record<string, string | undefined>): string {
  try {
    loadIngressConfig(env)
  } catch (error) {
    if (error instanceof DevBotError && error.category === 'config') return error.message
    throw error
  }
  throw new Error('expected the settings to be refused')
}

describe('loadIngressConfig', () => {
  it('needs two variables only', () => {
    const config = loadIngressConfig(good)
    expect(config).toMatchObject({ port: 8000, branchPrefix: 'agent/', instance: 'devbot' })
    expect(allowedRepositoriesOf(config)).toEqual(['octo/hello'])
  })

  it('takes the list of repositories beside the one', () => {
    expect(allowedRepositoriesOf(loadIngressConfig({ ...good, ALLOWED_REPOS: 'a/b, c/d' }))).toEqual([
      'octo/hello',
      'a/b',
      'c/d',
    ])
  })

  it.each([
    ['missing', undefined],
    ['empty', ''],
    ['too short', 'fifteen-letters'],
    ['of two of which one is too short', 'sixteen-letters!,short'],
    ['of three', 'sixteen-letters1,sixteen-letters2,sixteen-letters3'],
    ['with an empty second', 'sixteen-letters!,'],
  ])('refuses a webhook secret that is %s, and does not print it', (_what, secret) => {
    const problem = problemOf({ ...good, GITHUB_WEBHOOK_SECRET: secret })
    expect(problem).toContain('GITHUB_WEBHOOK_SECRET')
    if (secret) expect(problem).not.toContain(secret)
  })

  it('names everything wrong at once', () => {
    const problem = problemOf({ PORT: '80a', REPO_NAME: 'hello' })
    for (const name of ['PORT', 'REPO_NAME', 'GITHUB_WEBHOOK_SECRET']) expect(problem).toContain(name)
  })
})
