import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { planHashSchema, repositoryNameSchema } from '@devbot/contracts'
import { connectLedger } from '@devbot/queue'
import { type StartedRedis, startRedis } from '@devbot/queue/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const INSTANCE = 'worker-test'
let redis: StartedRedis
let folder: string

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'devbot-worker-'))
  mkdirSync(join(folder, 'plans'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function run(env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env.PATH,
      REPO_NAME: 'octo-org/hello',
      ANTHROPIC_API_KEY: 'key-of-the-model',
      GITHUB_TOKEN: 'token-of-github',
      GITHUB_API_URL: 'http://127.0.0.1:9',
      AI_DOCS_DIR: join(folder, 'plans'),
      DEVBOT_DATA_DIR: join(folder, 'data'),
      DEVBOT_INSTANCE: INSTANCE,
      REDIS_URL: redis.url,
      OPS_PORT: '0',
      ...env,
    },
  })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', (line) => output.push(line))
  return { child, output, exited: once(child, 'exit') }
}

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const untilMs = Date.now() + 30_000; Date.now() < untilMs; await delay(50)) {
    const found = await look()
    if (found !== undefined) return found
  }
  throw new Error('it did not come to be within 30 s')
}

const NO_ENGINE = { SANDBOX_DRIVER: 'docker', DOCKER_HOST: 'unix:///nowhere/docker.sock' }

describe('the worker service where no engine is', () => {
  it('runs, says so by its readiness, and lets tasks wait without asking the model', async () => {
    const { child, output, exited } = run(NO_ENGINE)
    const ledger = await connectLedger({ redisUrl: redis.url, instance: INSTANCE })
    try {
      const ready = await eventually(async () => output.find((line) => line.includes('worker ready')))
      const { opsPort } = JSON.parse(ready)
      const answer = await fetch(`http://127.0.0.1:${opsPort}/readyz`)
      expect(answer.status).toBe(503)
      expect(await answer.text()).toMatch(/sandboxes cannot be made: .*Docker engine.*\/nowhere\/docker\.sock/)
      expect((await fetch(`http://127.0.0.1:${opsPort}/healthz`)).status).toBe(200)

      const repository = repositoryNameSchema.parse('octo-org/hello')
      // GitHub was asked, and there is nothing of ours; without that it would be asked first.
      await ledger.rememberLeftBehind(repository, { version: 1, atMs: Date.now(), pulls: [], branches: [] })
      const created = await ledger.createTask({
        repository,
        planPath: 'plan.md',
        planHash: planHashSchema.parse('1'.repeat(64)),
        planText: '# A plan\n',
        title: 'A plan',
        priority: 'medium',
        branchPrefix: 'agent/',
      })
      const id = created.kind === 'branch-taken' ? created.by : created.task.id
      const details = await eventually(async () => {
        const known = await ledger.details(id)
        return known?.due?.reason === 'sandboxes' ? known : undefined
      })
      expect(details.task).toMatchObject({ status: 'ready', failedAttempts: 0, turns: 0 })
      expect(details.task.statusReason).toMatch(/^waiting for sandboxes: .*Docker engine/)
      expect(details.runs).toEqual([])
      expect(output.filter((line) => line.includes('engine-unreachable')).length).toBeLessThanOrEqual(2)
    } finally {
      child.kill('SIGTERM')
      await ledger.close()
    }
    expect(await exited).toEqual([0, null])
  })
})

describe('the worker service', () => {
  it('ends with 2 and names what is wrong with its sandbox settings', async () => {
    const { output, exited } = run({ ...NO_ENGINE, SANDBOX_MEMORY: 'much', EGRESS_VOLUME: 'egress' })
    expect(await exited).toEqual([2, null])
    expect(output.join('\n')).toContain('SANDBOX_MEMORY')
    expect(output.join('\n')).toContain('EGRESS_CONTROL_SOCKET is missing')
  })

  it('ends with 2 when sandboxes are not to be contained and others than this machine are talked to', async () => {
    const { output, exited } = run({ SANDBOX_DRIVER: 'process' })
    expect(await exited).toEqual([2, null])
    expect(output.join('\n')).toContain('SANDBOX_DRIVER')
  })
})
