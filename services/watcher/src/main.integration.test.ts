import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type StartedRedis, startRedis } from '@devbot/queue/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { eventually, openWatchedFolder, type WatchedFolder } from './testing/watched-folder.ts'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
let redis: StartedRedis
let folder: WatchedFolder

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())
beforeEach(async () => {
  folder = await openWatchedFolder(redis.url)
})
afterEach(() => folder.close())

function run(env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [main], { env: { PATH: process.env.PATH, ...env } })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', (line) => output.push(line))
  return { child, output, exited: once(child, 'exit') }
}

describe('the watcher service', () => {
  it('says when it is ready, accepts plans, and ends orderly when told to', async () => {
    const { child, output, exited } = run({
      AI_DOCS_DIR: folder.directory,
      REPO_NAME: 'octo-org/hello',
      REDIS_URL: redis.url,
      DEVBOT_INSTANCE: folder.instance,
      OPS_PORT: '0',
    })
    try {
      const lines = await eventually(
        async () => output,
        (seen) => seen.some((line) => line.includes('watcher ready')),
      )
      const { opsPort } = JSON.parse(lines.find((line) => line.includes('watcher ready')) ?? '')
      expect((await fetch(`http://127.0.0.1:${opsPort}/readyz`)).status).toBe(200)
      await folder.write('plan.md', '# Add retry\n')
      await eventually(folder.tasks, (tasks) => tasks.length === 1)
    } finally {
      child.kill('SIGTERM')
    }
    expect(await exited).toEqual([0, null])
  })

  it('ends with 2 and names what is wrong with its settings', async () => {
    const { output, exited } = run({ BRANCH_PREFIX: 'not a prefix', MAX_FIRST_START: 'x' })
    expect(await exited).toEqual([2, null])
    for (const name of ['REPO_NAME', 'BRANCH_PREFIX', 'MAX_FIRST_START']) expect(output.join('\n')).toContain(name)
    expect(output.join('\n')).not.toContain('not a prefix')
  })

  it('ends with 2 when there is no plan folder', async () => {
    const { output, exited } = run({
      AI_DOCS_DIR: folder.at('missing'),
      REPO_NAME: 'octo-org/hello',
      REDIS_URL: redis.url,
      OPS_PORT: '0',
    })
    expect(await exited).toEqual([2, null])
    expect(output.join('\n')).toContain('AI_DOCS_DIR')
  })
})
