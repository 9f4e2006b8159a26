import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { lstat, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { request, sendRaw } from './testing/raw-request.ts'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))
const running: ChildProcess[] = []
let folder: string
let gateSocket: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gate-'))
  gateSocket = join(folder, 'gate.sock')
})
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await rm(folder, { recursive: true })
})

function startService(env: Record<string, string> = {}) {
  const sockets = { GATE_SOCKET: gateSocket, DOCKER_SOCKET: join(folder, 'engine.sock') }
  const child = spawn(process.execPath, [main], { env: { PATH: process.env.PATH, OPS_PORT: '0', ...sockets, ...env } })
  running.push(child)
  const written = { text: '' }
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (written.text += chunk))
  return { child, written }
}

async function readyPort(written: { text: string }): Promise<string> {
  await expect.poll(() => written.text, { timeout: 15_000 }).toContain('"msg":"docker-gate ready"')
  return /"opsPort":(\d+)/.exec(written.text)?.[1] ?? ''
}

const ping = () => sendRaw(gateSocket, request('GET', '/_ping'))

/** Answers every connection with these bytes: an engine at its worst. */
async function startFakeEngine(answer: string | undefined) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => (answer === undefined ? socket.destroy() : socket.end(answer)))
  })
  server.listen(join(folder, 'engine.sock'))
  await once(server, 'listening')
  return server
}

describe('the docker-gate process', () => {
  it('stays up while the engine is away, says so, and works once it is there', async () => {
    const { child, written } = startService()
    const port = await readyPort(written)
    expect(await ping()).toMatchObject({ status: 502, message: expect.stringContaining('ENOENT') })
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503)
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
    const body = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK'
    const engine = await startFakeEngine(body)
    expect((await ping()).text).toMatch(/\r\n\r\nOK$/)
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)
    engine.close()
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
    await expect(lstat(gateSocket)).rejects.toThrow(/ENOENT/)
  })

  it.each([
    ['hangs up', undefined],
    ['talks nonsense', 'nonsense\r\n\r\n'],
    ['sends broken JSON', 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{'],
    ['sends what it never sends', 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'],
    ['switches protocols', 'HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello'],
  ])('answers 502 when the engine %s', async (_what, answer) => {
    const engine = await startFakeEngine(answer)
    const { written } = startService()
    await readyPort(written)
    expect(await ping()).toMatchObject({ status: 502, message: expect.stringMatching(/./) })
    expect(await ping()).toMatchObject({ status: 502 })
    engine.close()
  })

  it("passes the engine's own refusals on as they are", async () => {
    const message = '{"message":"No such image: x"}'
    const head = `HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: ${message.length}\r\n\r\n`
    const engine = await startFakeEngine(head + message)
    const { written } = startService()
    await readyPort(written)
    expect(await sendRaw(gateSocket, request('GET', '/version'))).toMatchObject({
      status: 404,
      message: 'No such image: x',
    })
    engine.close()
  })

  it('takes the place of a gate that was killed, not of one that runs', async () => {
    const first = startService({ GATE_SOCKET_MODE: '0600' })
    await readyPort(first.written)
    expect((await stat(gateSocket)).mode & 0o777).toBe(0o600)
    const second = startService()
    expect(await once(second.child, 'exit')).toEqual([2, null])
    expect(second.written.text).toContain('another process listens')
    expect((await ping()).status).toBe(502)
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')
    const third = startService()
    await readyPort(third.written)
    expect((await stat(gateSocket)).mode & 0o777).toBe(0o660)
    expect((await ping()).status).toBe(502)
  })

  it('removes no file that is not a socket, and needs a folder', async () => {
    await writeFile(gateSocket, 'precious')
    const { child, written } = startService()
    expect(await once(child, 'exit')).toEqual([2, null])
    expect(written.text).toContain('GATE_SOCKET')
    expect((await stat(gateSocket)).size).toBe(8)
    const other = startService({ GATE_SOCKET: join(folder, 'absent', 'gate.sock') })
    expect(await once(other.child, 'exit')).toEqual([2, null])
    expect(other.written.text).toContain('folder')
  })

  it('logs what was refused and why, and a flood of it only as a number', async () => {
    const { written } = startService()
    await readyPort(written)
    for (let count = 0; count < 50; count += 1) await sendRaw(gateSocket, request('POST', '/build?secret=1'))
    expect(written.text.match(/"msg":"request refused"/g)).toHaveLength(20)
    expect(written.text).toContain('"target":"/build?secret')
    expect(written.text).toContain("is not one of DevBot's calls")
  })
})
