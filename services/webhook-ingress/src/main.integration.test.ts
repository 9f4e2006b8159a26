import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type StartedRedis, startRedis } from '@devbot/queue/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { recordedPayload, signedDelivery } from './testing/signed-delivery.ts'

const secret = 'a webhook secret of good length'
const main = fileURLToPath(new URL('./main.ts', import.meta.url))

let redis: StartedRedis
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

const running: ChildProcess[] = []
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

function startService(env: Record<string, string>) {
  const child = spawn(process.execPath, [main], { env: { PATH: process.env.PATH, PORT: '0', OPS_PORT: '0', ...env } })
  running.push(child)
  const written = { text: '' }
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (written.text += chunk))
  return { child, written }
}

describe('the webhook-ingress process', () => {
  it('takes a signed delivery on the port it logs, refuses an unsigned one, and ends with 0 on SIGTERM', async () => {
    const env = { REDIS_URL: redis.url, REPO_NAME: 'codertocat/hello-world', GITHUB_WEBHOOK_SECRET: secret }
    const { child, written } = startService({ ...env, DEVBOT_INSTANCE: 'process' })
    await expect.poll(() => written.text, { timeout: 15_000 }).toContain('webhook-ingress ready')
    const port = /"port":(\d+)/.exec(written.text)?.[1]
    const payload = recordedPayload('pull_request_review', 'submitted', 'agent/x-1')
    const { body, headers } = signedDelivery('pull_request_review', payload, secret)
    const post = (more: Record<string, string>) =>
      fetch(`http://127.0.0.1:${port}/webhook`, {
        method: 'POST',
        body: new Uint8Array(body),
        headers: { ...headers, ...more },
      })
    expect((await post({})).status).toBe(202)
    expect((await post({ 'x-hub-signature-256': 'sha256=0' })).status).toBe(401)
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    expect(code).toBe(0)
    expect(written.text).not.toContain(secret)
  })

  it('does not start with a short secret and a bad port: both named, neither printed', async () => {
    const { child, written } = startService({ REPO_NAME: 'a/b', GITHUB_WEBHOOK_SECRET: 'tooshort', PORT: 'eighty' })
    const [code] = await once(child, 'exit')
    expect(code).toBe(2)
    for (const name of ['GITHUB_WEBHOOK_SECRET', 'PORT']) expect(written.text).toContain(name)
    for (const value of ['tooshort', 'eighty']) expect(written.text).not.toContain(value)
  })

  it('says that Redis cannot be reached, and ends', async () => {
    const env = { REDIS_URL: 'redis://127.0.0.1:1', REPO_NAME: 'a/b', GITHUB_WEBHOOK_SECRET: secret }
    const { child, written } = startService(env)
    const [code] = await once(child, 'exit')
    expect(code).toBe(1)
    expect(written.text).toContain('127.0.0.1:1')
  })
})
