import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectLedger } from '@devbot/queue'
import { startRedis } from '@devbot/queue/testing'
import { expect, it } from 'vitest'
import { loadWorkerConfig } from './config.ts'
import { createModels } from './model/create-models.ts'
import { watchWaits } from './watch-waits.ts'

const request = () => ({
  system: 's',
  tools: [],
  messages: [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Hi' }] }],
  signal: new AbortController().signal,
})
const noError = (error: unknown) => {
  throw error
}

it('has every worker leave an endpoint alone that one was told to wait for, and the next start too', async () => {
  await using parts = new AsyncDisposableStack()
  const redis = await startRedis()
  parts.defer(() => redis.stop())
  let requests = 0
  const refuse = (response: ServerResponse) => {
    requests += 1
    response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '600' })
    response.end(JSON.stringify({ type: 'error', error: { type: 'rate_limit_error', message: 'no' } }))
  }
  const server = createServer((_request, response) => refuse(response)).listen(0, '127.0.0.1')
  parts.defer(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const config = loadWorkerConfig({
    REPO_NAME: 'o/h',
    GITHUB_TOKEN: 'token-of-github',
    ANTHROPIC_API_KEY: 'key-of-the-model-1234',
    ANTHROPIC_BASE_URL: `http://127.0.0.1:${port}`,
    MODELS_ALLOWED: 'claude-sonnet-5-5,claude-haiku-5-5',
  })
  const startModels = async () => {
    const ledger = await connectLedger({ redisUrl: redis.url, instance: 'waits' })
    const waits = await watchWaits(ledger.waits, noError)
    const end = async () => {
      await waits.close()
      await ledger.close()
    }
    const models = createModels(config, waits)
    return { end, ask: (model: string) => models(model, () => undefined).ask(request()) }
  }
  const limited = { code: 'model-rate-limited', retryAfterMs: expect.any(Number) }

  const first = await startModels()
  const second = await startModels()
  parts.defer(second.end)
  await expect(first.ask('claude-sonnet-5-5')).rejects.toMatchObject(limited)
  expect(requests).toBe(1)
  await sleep(1_300)
  await expect(second.ask('claude-sonnet-5-5')).rejects.toMatchObject(limited)
  expect(requests, 'requests after the second worker').toBe(1)

  await first.end()
  const restarted = await startModels()
  parts.defer(restarted.end)
  await expect(restarted.ask('claude-sonnet-5-5')).rejects.toMatchObject(limited)
  expect(requests, 'requests after the restart').toBe(1)
  // Limits are per model: another one is asked.
  await expect(restarted.ask('claude-haiku-5-5')).rejects.toMatchObject(limited)
  expect(requests).toBe(2)
})
