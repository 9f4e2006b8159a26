import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { lookAtModel } from './look-at-model.ts'

describe('doctor on the model', () => {
  const seen: IncomingMessage[] = []
  let status = 200
  const server = createServer((request, response) => {
    seen.push(request)
    response.writeHead(status).end('{}')
  })

  beforeEach(async () => {
    seen.length = 0
    status = 200
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    vi.stubEnv('ANTHROPIC_BASE_URL', `http://127.0.0.1:${port}/gateway`)
    for (const name of ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'ANTHROPIC_CUSTOM_HEADERS']) vi.stubEnv(name, '')
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  it('asks with a key below the path of the endpoint', async () => {
    vi.stubEnv('ANTHROPIC_API_KEY', 'key-of-the-model')
    expect(await lookAtModel()).toMatch(/accepts the key/)
    expect(seen[0]?.url).toBe('/gateway/v1/models?limit=1')
    expect(seen[0]?.headers['x-api-key']).toBe('key-of-the-model')
  })

  it("asks with a gateway's token and headers, as the worker does", async () => {
    vi.stubEnv('ANTHROPIC_AUTH_TOKEN', 'token-of-the-gateway')
    vi.stubEnv('ANTHROPIC_CUSTOM_HEADERS', 'X-Team: core')
    expect(await lookAtModel()).toMatch(/accepts the token/)
    expect(seen[0]?.headers).toMatchObject({ authorization: 'Bearer token-of-the-gateway', 'x-team': 'core' })
    expect(seen[0]?.headers['x-api-key']).toBeUndefined()
  })

  it('names the setting that is refused, and shows no value', async () => {
    status = 401
    vi.stubEnv('ANTHROPIC_AUTH_TOKEN', 'token-of-the-gateway')
    await expect(lookAtModel()).rejects.toThrow(/check ANTHROPIC_AUTH_TOKEN/)
    await expect(lookAtModel()).rejects.not.toThrow(/token-of-the-gateway/)
  })

  it('asks nobody with two credentials or with none', async () => {
    await expect(lookAtModel()).rejects.toThrow(/set ANTHROPIC_API_KEY/)
    vi.stubEnv('ANTHROPIC_API_KEY', 'key-of-the-model')
    vi.stubEnv('ANTHROPIC_AUTH_TOKEN', 'token-of-the-gateway')
    await expect(lookAtModel()).rejects.toThrow(/keep one of them/)
    expect(seen).toEqual([])
  })
})
