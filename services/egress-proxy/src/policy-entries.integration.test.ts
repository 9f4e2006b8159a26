import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { askToTheEnd } from './testing/sandbox-side.ts'
import { newPodId, startTestProxy, type TestProxy } from './testing/start-proxy.ts'

let server: Server
let port = 0
let proxy: TestProxy

beforeAll(async () => {
  server = createServer((_request, response) => response.end('reached')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = z.object({ port: z.number() }).parse(server.address()).port
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
afterEach(() => proxy.stop())

/** The operator lists one name, and the address where everything here is. */
async function start(fromPolicy: 'true' | 'false'): Promise<void> {
  proxy = await startTestProxy(`listed.example:${port},127.0.0.1:${port}`, {}, fromPolicy)
  for (const host of ['listed.example', 'own.example']) proxy.names.set(host, [['127.0.0.1']])
}
const get = (host: string) =>
  `GET http://${host}:${port}/ HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`

describe('entries that a repository’s policy has for its own pods', () => {
  it('count for those pods beside EGRESS_ALLOW where EGRESS_FROM_POLICY is true', async () => {
    await start('true')
    const path = await proxy.openPod(newPodId(), [`own.example:${port}`])
    for (const host of ['own.example', 'listed.example'])
      expect(await askToTheEnd(path, get(host))).toContain('reached')
    expect(await askToTheEnd(path, get('third.example'))).toContain(
      'neither in EGRESS_ALLOW nor in `egress` of .devbot.yml',
    )
  })

  it('count for no other pod', async () => {
    await start('true')
    await proxy.openPod(newPodId(), [`own.example:${port}`])
    const other = await proxy.openPod()
    expect(await askToTheEnd(other, get('own.example'))).toContain('403 Refused by DevBot: not on the list')
    expect(await proxy.refusals(other)).toMatchObject([{ host: 'own.example', allowWith: `own.example:${port}` }])
  })

  it('count nowhere by default, and the refusal says which setting that is', async () => {
    await start('false')
    const path = await proxy.openPod(newPodId(), [`own.example:${port}`])
    expect(await askToTheEnd(path, get('own.example'))).toContain('EGRESS_FROM_POLICY')
    expect(await askToTheEnd(path, get('third.example'))).toContain('Refused by DevBot: not on the list')
    expect(await askToTheEnd(path, get('listed.example'))).toContain('reached')
    expect(await proxy.refusals(path)).toMatchObject([
      { host: 'own.example', reason: expect.stringContaining('EGRESS_FROM_POLICY'), allowWith: `own.example:${port}` },
      { host: 'third.example', reason: 'not on the list' },
    ])
  })

  it('cannot be changed while the pod is there', async () => {
    await start('true')
    const podId = newPodId()
    await proxy.openPod(podId)
    await expect(proxy.openPod(podId, ['own.example'])).rejects.toThrow(/belongs to another run/)
  })
})
