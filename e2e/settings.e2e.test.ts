import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../', import.meta.url))

async function startAlone(service: string, env: Record<string, string>) {
  const child = spawn(process.execPath, [`services/${service}/src/main.ts`], {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { code, said: output + errors }
}

describe('a service with bad settings', () => {
  it.each([
    [
      'worker',
      { REPO_NAME: 'nonsense-value-1', MAX_TURNS: 'many-value-2', ANTHROPIC_API_KEY: '' },
      ['REPO_NAME', 'MAX_TURNS', 'ANTHROPIC_API_KEY'],
    ],
    ['watcher', { REPO_NAME: 'nonsense-value-1', BRANCH_PREFIX: 'bad value-2' }, ['REPO_NAME', 'BRANCH_PREFIX']],
    [
      'webhook-ingress',
      { REPO_NAME: 'nonsense-value-1', GITHUB_WEBHOOK_SECRET: 'short-2' },
      ['REPO_NAME', 'GITHUB_WEBHOOK_SECRET'],
    ],
  ])('%s ends with code 2, names every one of them and prints no value', async (service, env, names) => {
    const { code, said } = await startAlone(service, env)
    expect(code).toBe(2)
    for (const name of names) expect(said).toContain(name)
    for (const value of Object.values(env).filter((value) => value !== '')) expect(said).not.toContain(value)
  })

  it('worker refuses the process sandbox when the model is not on this machine', async () => {
    const { code, said } = await startAlone('worker', {
      REPO_NAME: 'octo/hello',
      ANTHROPIC_API_KEY: 'some-key-of-the-test',
      GITHUB_TOKEN: 'some-token-of-the-test',
      SANDBOX_DRIVER: 'process',
    })
    expect(code).toBe(2)
    expect(said).toMatch(/loopback/)
    expect(said).not.toContain('of-the-test')
  })
})
