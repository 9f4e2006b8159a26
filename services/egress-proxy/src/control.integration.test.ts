import { once } from 'node:events'
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { connectPod, control } from './testing/sandbox-side.ts'
import { newPodId, OWNER, startTestProxy, type TestProxy } from './testing/start-proxy.ts'

const proxies: TestProxy[] = []
afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.stop()
})
async function start(...args: Parameters<typeof startTestProxy>): Promise<TestProxy> {
  const proxy = await startTestProxy(...args)
  proxies.push(proxy)
  return proxy
}

describe('the control socket', () => {
  it('makes, keeps and ends a pod', async () => {
    const { controlSocket, folder } = await start('')
    const podId = newPodId()
    const path = join(folder, 'pods', `${podId}.sock`)
    const put = () => control(controlSocket, 'PUT', `/pods/${podId}`, OWNER)
    expect(await put()).toEqual({ status: 200, body: { refusals: [], leaseSeconds: 60, created: true } })
    expect(await put()).toMatchObject({ status: 200, body: { created: false } })
    expect(statSync(path).mode & 0o777).toBe(0o666)
    expect(await control(controlSocket, 'DELETE', `/pods/${podId}`)).toEqual({ status: 204, body: undefined })
    expect(existsSync(path)).toBe(false)
    expect((await control(controlSocket, 'DELETE', `/pods/${podId}`)).status).toBe(204)
  })

  it.each([
    ['no pod id', 'PUT', '/pods/../../etc', OWNER, 404],
    ['an escape in the pod id', 'PUT', '/pods/%2e%2e', OWNER, 404],
    ['a short pod id', 'PUT', '/pods/abc', OWNER, 404],
    ['a pod id in capitals', 'PUT', `/pods/${'A'.repeat(24)}`, OWNER, 404],
    ['another path', 'GET', '/', undefined, 404],
    ['another method', 'POST', `/pods/${'a'.repeat(24)}`, OWNER, 405],
    ['no body', 'PUT', `/pods/${'a'.repeat(24)}`, undefined, 400],
    ['no JSON', 'PUT', `/pods/${'a'.repeat(24)}`, '{', 400],
    ['too many entries', 'PUT', `/pods/${'a'.repeat(24)}`, { ...OWNER, allow: Array(101).fill('a.example') }, 400],
    ['an entry of another type', 'PUT', `/pods/${'a'.repeat(24)}`, { ...OWNER, allow: [1] }, 400],
    ['an entry that is too long', 'PUT', `/pods/${'a'.repeat(24)}`, { ...OWNER, allow: ['x'.repeat(301)] }, 400],
    ['a wildcard', 'PUT', `/pods/${'a'.repeat(24)}`, { ...OWNER, allow: ['*.example'] }, 422],
    ['an entry with a scheme', 'PUT', `/pods/${'a'.repeat(24)}`, { ...OWNER, allow: ['https://a.example'] }, 422],
    ['an address inside', 'PUT', `/pods/${'a'.repeat(24)}`, { ...OWNER, allow: ['10.0.0.1:443'] }, 422],
    ['a metadata service', 'PUT', `/pods/${'a'.repeat(24)}`, { ...OWNER, allow: ['169.254.169.254:80'] }, 422],
    ['this machine', 'PUT', `/pods/${'a'.repeat(24)}`, { ...OWNER, allow: ['[::1]:443'] }, 422],
    ['an unknown key', 'PUT', `/pods/${'a'.repeat(24)}`, { ...OWNER, allow: '*' }, 400],
    ['another purpose', 'PUT', `/pods/${'a'.repeat(24)}`, { ...OWNER, purpose: 'x' }, 400],
    ['a task id with a line break', 'PUT', `/pods/${'a'.repeat(24)}`, { ...OWNER, taskId: 'a\nb' }, 400],
    ['a long body', 'PUT', `/pods/${'a'.repeat(24)}`, 'x'.repeat(50_000), 400],
  ])('refuses %s', async (_what, method, path, body, status) => {
    const { controlSocket, folder } = await start('')
    expect((await control(controlSocket, method, path, body)).status).toBe(status)
    expect(readdirSync(join(folder, 'pods'))).toEqual([])
  })

  it('refuses a pod that is somebody else’s, and more pods than there may be', async () => {
    const { controlSocket } = await start('', { maxPods: 1 })
    const podId = newPodId()
    expect((await control(controlSocket, 'PUT', `/pods/${podId}`, OWNER)).status).toBe(200)
    expect((await control(controlSocket, 'PUT', `/pods/${podId}`, { ...OWNER, runId: 'r2' })).status).toBe(409)
    expect((await control(controlSocket, 'PUT', `/pods/${newPodId()}`, OWNER)).status).toBe(409)
    expect((await control(controlSocket, 'PUT', `/pods/${podId}`, OWNER)).status).toBe(200)
  })

  it('answers its health check', async () => {
    const { controlSocket } = await start('')
    expect(await control(controlSocket, 'GET', '/healthz')).toEqual({ status: 200, body: { status: 'ok' } })
  })
})

describe('a pod', () => {
  it('ends with its lease: the socket goes away and its connections are closed', async () => {
    const { openPod, folder, logged } = await start('', { leaseMs: 300 })
    const path = await openPod()
    const socket = await connectPod(path)
    await once(socket.resume(), 'close')
    expect(readdirSync(join(folder, 'pods'))).toEqual([])
    expect(logged.join('')).toContain('was not renewed')
  })

  it('lives on while its lease is renewed', async () => {
    const { openPod, refusals } = await start('', { leaseMs: 400 })
    const path = await openPod()
    const socket = await connectPod(path)
    for (let time = 0; time < 5; time += 1) {
      await new Promise((resolve) => setTimeout(resolve, 200))
      await refusals(path)
    }
    expect(socket.destroyed).toBe(false)
    socket.destroy()
  })
})

describe('a second start', () => {
  it('names the control socket that another proxy listens on', async () => {
    const first = await start('')
    const { startEgressProxy } = await import('./start-egress-proxy.ts')
    const again = startEgressProxy({
      allow: new Set(),
      fromPolicy: 'false',
      socketFolder: join(first.folder, 'other'),
      controlSocket: first.controlSocket,
      opsPort: 0,
      logLevel: 'silent',
    })
    await expect(again).rejects.toMatchObject({ category: 'config', code: 'control-socket-taken' })
  })

  it('removes the sockets that a killed proxy left, and nothing else', async () => {
    const { preparePodFolder } = await import('./pods.ts')
    const { folder } = await start('')
    const pods = join(folder, 'pods')
    for (const name of [`${'a'.repeat(24)}.sock`, 'notes.txt', 'x.sock']) writeFileSync(join(pods, name), '')
    await preparePodFolder(pods)
    expect(readdirSync(pods).sort()).toEqual(['notes.txt', 'x.sock'])
  })
})
