import { DevBotError } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { loadWorkerConfig } from './config.ts'

const REQUIRED = { REPO_NAME: 'octo-org/hello', ANTHROPIC_API_KEY: 'key-of-the-model', GITHUB_TOKEN: 'token-of-github' }
const GIB = 1024 ** 3

const messageOf = (env: Readonly<Record<string, string>>): string => {
  try {
    loadWorkerConfig({ ...REQUIRED, ...env })
  } catch (error) {
    if (error instanceof DevBotError && error.category === 'config') return error.message
    throw error
  }
  return 'no error'
}

describe('loadWorkerConfig: sandboxes', () => {
  it('has the documented defaults: contained, 2 GiB each, no way out, a cache of 5 GiB', () => {
    expect(loadWorkerConfig(REQUIRED)).toMatchObject({
      sandboxDriver: 'docker',
      dockerHost: 'unix:///var/run/docker.sock',
      sandboxRuntime: 'runc',
      sandboxMemoryBytes: 2 * GIB,
      sandboxDiskBytes: 2 * GIB,
      sandboxCpus: 2,
      sandboxProcesses: 512,
      sandboxPull: 'missing',
      sandboxWorkspace: 'auto',
      egress: undefined,
      setupCacheBytes: 5 * GIB,
    })
  })

  it('takes the way out as a whole', () => {
    const env = { EGRESS_VOLUME: 'devbot_egress', EGRESS_CONTROL_SOCKET: '/run/egress-control/control.sock' }
    expect(loadWorkerConfig({ ...REQUIRED, ...env }).egress).toEqual({
      volume: 'devbot_egress',
      controlSocket: '/run/egress-control/control.sock',
    })
  })

  it('names the missing half of the way out', () => {
    expect(messageOf({ EGRESS_VOLUME: 'devbot_egress' })).toContain('EGRESS_CONTROL_SOCKET is missing')
    expect(messageOf({ EGRESS_CONTROL_SOCKET: '/run/control.sock' })).toContain('EGRESS_VOLUME is missing')
  })

  it('switches the setup cache off with 0', () => {
    expect(loadWorkerConfig({ ...REQUIRED, SETUP_CACHE_SIZE: '0' }).setupCacheBytes).toBe(0)
  })

  it('names every malformed setting at once, and no value', () => {
    const bad = {
      DOCKER_HOST: 'wrong-secret',
      SANDBOX_IMAGE: 'Wrong Secret',
      SANDBOX_RUNTIME: '../wrong-secret',
      SANDBOX_MEMORY: '12',
      SANDBOX_DISK: 'wrong-secret',
      SANDBOX_CPUS: '0',
      SANDBOX_PIDS: '3',
      SANDBOX_PULL: 'wrong-secret',
      SANDBOX_WORKSPACE: 'wrong-secret',
      EGRESS_VOLUME: '/wrong-secret',
      SETUP_CACHE_SIZE: 'wrong-secret',
    }
    const message = messageOf(bad)
    for (const name of Object.keys(bad)) expect(message).toContain(name)
    expect(message).not.toMatch(/wrong.secret/i)
  })
})

describe('loadWorkerConfig: what a policy may and a change may not', () => {
  it('protects workflows, policy and code owners, and lets no policy open a way out, unless told otherwise', () => {
    const { protectedPaths, egressFromPolicy, imagesAllowed } = loadWorkerConfig(REQUIRED)
    expect(protectedPaths).toEqual([
      '.github/workflows/**',
      '.github/actions/**',
      '.devbot.yml',
      '.devbot.yaml',
      'CODEOWNERS',
      '.github/CODEOWNERS',
      'docs/CODEOWNERS',
    ])
    expect([egressFromPolicy, imagesAllowed]).toEqual([false, []])
  })

  it('takes other globs, and none', () => {
    const pathsOf = (text: string) => loadWorkerConfig({ ...REQUIRED, PROTECTED_PATHS: text }).protectedPaths
    expect(pathsOf('db/**, infra')).toEqual(['db/**', 'infra'])
    expect(pathsOf('none')).toEqual([])
    expect(pathsOf('')).toHaveLength(7)
  })

  it('names a glob that could match nothing, and a flag that is none', () => {
    const message = messageOf({ PROTECTED_PATHS: 'a,b[c', EGRESS_FROM_POLICY: 'yes', SELF_REVIEW: '0' })
    expect(message).toContain('PROTECTED_PATHS: malformed; expected globs')
    expect(message).toContain('EGRESS_FROM_POLICY: malformed; expected true or false')
    expect(message).toContain('SELF_REVIEW: malformed; expected true or false')
  })
})

describe('loadWorkerConfig: ceilings', () => {
  it('has generous defaults, and takes the window from the model unless told otherwise', () => {
    expect(loadWorkerConfig(REQUIRED)).toMatchObject({
      maxRoundsPerDay: 100,
      maxTokens: 50_000_000,
      contextTokens: undefined,
    })
    expect(loadWorkerConfig({ ...REQUIRED, CONTEXT_TOKENS: '32000' }).contextTokens).toBe(32_000)
  })

  it.each([
    ['MAX_ROUNDS_PER_DAY', '0'],
    ['MAX_TOKENS', '9999'],
    ['MAX_TOKENS', '1e6'],
    ['CONTEXT_TOKENS', '7999'],
    ['CONTEXT_TOKENS', '200k'],
  ])('names a bad %s (%s) and what was expected', (name, value) => {
    expect(messageOf({ [name]: value })).toMatch(new RegExp(`${name}: malformed; expected a whole number`))
  })
})
