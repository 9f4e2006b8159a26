import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { createLogger } from '@devbot/config'
import { describe, expect, it } from 'vitest'
import { loadWorkerConfig } from '../config.ts'
import { createModels, modelWarnings, secretsOfModel } from './create-models.ts'

const SECRETS = {
  key: 'key-of-the-model-1234',
  header: 'header-secret-5678-abcd',
  password: 'proxy-secret-9012',
}
const configWith = (env: Readonly<Record<string, string>>) =>
  loadWorkerConfig({ REPO_NAME: 'o/h', GITHUB_TOKEN: 'token-of-github', ANTHROPIC_API_KEY: SECRETS.key, ...env })
const request = () => ({
  system: 's',
  tools: [],
  messages: [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Hi' }] }],
  signal: new AbortController().signal,
})

describe('createModels', () => {
  it("asks the operator's endpoint as the settings say", async () => {
    await using server = await refusingServer(400)
    const models = createModels(
      configWith({
        ANTHROPIC_BASE_URL: `${server.url}/gateway`,
        ANTHROPIC_CUSTOM_HEADERS: `X-Gateway-Key: Bearer ${SECRETS.header}`,
        DEVBOT_EFFORT: 'low',
        DEVBOT_THINKING: 'off',
        DEVBOT_MAX_OUTPUT_TOKENS: '2048',
      }),
    )
    await expect(models('claude-haiku-5-5', () => undefined).ask(request())).rejects.toThrow()
    expect(server.seen).toMatchObject([
      {
        url: '/gateway/v1/messages',
        headers: { 'x-gateway-key': `Bearer ${SECRETS.header}`, 'x-api-key': SECRETS.key },
        body: {
          model: 'claude-haiku-5-5',
          max_tokens: 2048,
          output_config: { effort: 'low' },
          thinking: { type: 'disabled' },
        },
      },
    ])
  })

  it('gives all runs one client per model, and each run a second model of its own', async () => {
    await using server = await refusingServer(429, { 'retry-after': '600' })
    const env = { ANTHROPIC_BASE_URL: server.url, MODELS_ALLOWED: 'claude-sonnet-5-5,claude-haiku-5-5' }
    const models = createModels(configWith({ ...env, DEVBOT_FALLBACK_MODEL: 'claude-haiku-5-5' }))
    const switches: string[] = []
    const run = () => models('claude-sonnet-5-5', ({ to, code }) => switches.push(`${to} ${code}`)).ask(request())
    for (const _run of [1, 2]) await expect(run()).rejects.toMatchObject({ code: 'model-rate-limited' })
    expect(switches).toEqual(['claude-haiku-5-5 model-rate-limited', 'claude-haiku-5-5 model-rate-limited'])
    // The second run knew of both pauses from the first, and asked nobody.
    expect(server.seen.map(({ body }) => body.model)).toEqual(['claude-sonnet-5-5', 'claude-haiku-5-5'])
  })

  it('lets no key, header or password into a log, whatever the endpoint answers', async () => {
    await using server = await refusingServer(400, {}, 'echo')
    const config = configWith({
      ANTHROPIC_BASE_URL: server.url,
      ANTHROPIC_CUSTOM_HEADERS: `X-Gateway-Key: Bearer ${SECRETS.header}`,
      HTTPS_PROXY: `http://user:${SECRETS.password}@proxy.example.test:3128`,
    })
    const lines: string[] = []
    const destination = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk))
        done()
      },
    })
    const log = createLogger({ service: 'worker', level: 'trace', secrets: secretsOfModel(config), destination })
    const error = await createModels(config)('claude-sonnet-5-5', () => undefined)
      .ask(request())
      .catch((thrown: unknown) => thrown)
    log.error({ error, config, headers: server.seen[0]?.headers }, `all at once: ${Object.values(SECRETS).join(' ')}`)
    expect(lines.join('')).toContain('all at once')
    for (const secret of Object.values(SECRETS)) expect(lines.join('')).not.toContain(secret)
  })
})

describe('secretsOfModel', () => {
  it('leaves out short words and versions of the API, which any repository may hold', () => {
    const headers = 'X-Team: production\nanthropic-beta: context-management-2025-06-27'
    const secrets = secretsOfModel(configWith({ ANTHROPIC_CUSTOM_HEADERS: headers }))
    expect(secrets.map((secret) => secret.reveal())).toEqual([SECRETS.key])
  })
})

describe('modelWarnings', () => {
  it('says what of the settings does nothing, and which price is not known', () => {
    const env = {
      DEVBOT_MODEL: 'gw/large',
      MODELS_ALLOWED: 'gw/large,claude-opus-5-5,claude-haiku-4-5',
      DEVBOT_THINKING: 'off',
      DEVBOT_EFFORT: 'low',
    }
    expect(modelWarnings(configWith(env))).toEqual([
      expect.stringContaining('no price is known for gw/large'),
      expect.stringContaining('claude-opus-5-5 always thinks'),
      expect.stringContaining('claude-haiku-4-5 takes no effort'),
    ])
    expect(modelWarnings(configWith({}))).toEqual([])
  })
})

type Seen = { readonly url: string; readonly headers: IncomingMessage['headers']; readonly body: { model?: unknown } }

async function refusingServer(status: number, headers: Readonly<Record<string, string>> = {}, body?: 'echo') {
  const seen: Seen[] = []
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    seen.push({
      url: incoming.url ?? '',
      headers: incoming.headers,
      body: JSON.parse(Buffer.concat(chunks).toString()),
    })
    const message = body === 'echo' ? JSON.stringify(incoming.headers) : 'refused'
    const type = status === 429 ? 'rate_limit_error' : 'invalid_request_error'
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify({ type: 'error', error: { type, message } }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    seen,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
