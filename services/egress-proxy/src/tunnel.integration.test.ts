import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificate } from './testing/certificate.ts'
import { handMadeHello, realHello, serverNameExtension } from './testing/hello-bytes.ts'
import { askToTheEnd, connectPod, openTunnel, readToTheEnd, tlsThrough } from './testing/sandbox-side.ts'
import { startTestProxy, type TestProxy } from './testing/start-proxy.ts'

const certificate = makeCertificate('listed.example', '127.0.0.1')
const ca = certificate.cert
/** Echoes; what it got is in `received`. */
let target: { readonly port: number; readonly connections: () => number; readonly close: () => void }

beforeAll(async () => {
  let connections = 0
  const open = new Set<Socket>()
  const server = createTlsServer({ ...certificate, allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.pipe(socket)
  })
  server.on('connection', (socket: Socket) => {
    connections += 1
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  server.on('tlsClientError', () => undefined)
  const port = await listening(server)
  target = {
    port,
    connections: () => connections,
    close: () => {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
})
afterAll(() => target.close())

const proxies: TestProxy[] = []
afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.stop()
})

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A proxy that allows listed.example at the test's target, which is at an inside address that is allowed as such. */
async function start(limits = {}, allow = `listed.example:${target.port},127.0.0.1:${target.port}`) {
  const proxy = await startTestProxy(allow, limits)
  proxies.push(proxy)
  proxy.names.set('listed.example', [['127.0.0.1']])
  return { proxy, pod: await proxy.openPod(), listed: `listed.example:${target.port}` }
}

describe('a tunnel to a listed host', () => {
  it('carries 20 MB both ways unchanged, and its end', async () => {
    const { proxy, pod, listed } = await start()
    const tls = await tlsThrough(pod, listed, { ca, servername: 'listed.example' })
    const sent = createHash('sha256')
    const got = createHash('sha256')
    const chunk = randomBytes(1024 * 1024)
    let bytes = 0
    tls.on('data', (data) => {
      got.update(data)
      bytes += data.length
    })
    for (let round = 0; round < 20; round += 1) {
      sent.update(chunk)
      if (!tls.write(chunk)) await once(tls, 'drain')
    }
    tls.end()
    await once(tls, 'end')
    expect(bytes).toBe(20 * 1024 * 1024)
    expect(got.digest('hex')).toBe(sent.digest('hex'))
    expect(await proxy.refusals(pod)).toEqual([])
  })

  it('is there for names in any case and for a listed address without a name', async () => {
    const { pod } = await start()
    const byName = await tlsThrough(pod, `LISTED.Example:${target.port}`, { ca, servername: 'Listed.Example' })
    byName.destroy()
    const byAddress = await tlsThrough(pod, `127.0.0.1:${target.port}`, { ca })
    byAddress.destroy()
  })

  it('takes a hello that comes in pieces, the first with the request itself', async () => {
    const { pod, listed } = await start()
    const hello = await realHello({ servername: 'listed.example' })
    const socket = await connectPod(pod)
    socket.write(Buffer.concat([Buffer.from(`CONNECT ${listed} HTTP/1.1\r\nHost: x\r\n\r\n`), hello.subarray(0, 3)]))
    await once(socket, 'data')
    for (const piece of [hello.subarray(3, 50), hello.subarray(50)]) {
      await new Promise((resolve) => setTimeout(resolve, 30))
      socket.write(piece)
    }
    const [reply] = await once(socket, 'data')
    // A ServerHello: the target got the whole hello.
    expect([reply[0], reply[5]]).toEqual([22, 2])
    socket.destroy()
  })

  it('dials the address that was judged, whatever the name resolves to a moment later', async () => {
    const { proxy, pod, listed } = await start()
    proxy.names.set('listed.example', [['127.0.0.1'], ['10.255.255.1']])
    const tls = await tlsThrough(pod, listed, { ca, servername: 'listed.example' })
    expect(tls.authorized).toBe(true)
    tls.destroy()
    expect((await openTunnel(pod, listed)).status).toBe(403)
  })

  it('is answered with 502 where the host cannot be resolved or reached, which is no refusal', async () => {
    const closed = createTcpServer()
    const port = await listening(closed)
    closed.close()
    const { proxy, pod } = await start({}, `gone.example,listed.example:${port},127.0.0.1:${port}`)
    expect(await askToTheEnd(pod, 'CONNECT gone.example:443 HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(
      /^HTTP\/1.1 502 [\s\S]*gone.example:443 could not be resolved \(ENOTFOUND\)/,
    )
    expect(await askToTheEnd(pod, `CONNECT listed.example:${port} HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 502 [\s\S]*could not be connected to \(ECONNREFUSED\)/,
    )
    expect(await proxy.refusals(pod)).toEqual([])
  })
})

describe('CONNECT is refused', () => {
  it.each([
    ['a host that is not listed', 'other.example:443', 403, 'not on the list', 'other.example'],
    ['a suffix look-alike', 'evil-listed.example:443', 403, 'not on the list', 'evil-listed.example'],
    ['a prefix look-alike', 'listed.example.evil.example:443', 403, 'not on the list', 'listed.example.evil.example'],
    ['another port', 'listed.example:22', 403, 'not on the list', 'listed.example:22'],
    ['a metadata address', '169.254.169.254:443', 403, 'not on the list', undefined],
    ['a trailing dot', 'listed.example.:443', 400, 'the destination ends with a dot', undefined],
    [
      'an address as a number',
      '2130706433:443',
      400,
      'the destination is an IP address in an unusual spelling',
      undefined,
    ],
    [
      'a user name',
      'listed.example@evil.example:443',
      400,
      'the destination has a user name or password in it',
      undefined,
    ],
    ['an escape', 'listed%2eexample:443', 400, 'the destination has percent-encoding or a zone in it', undefined],
    ['a NUL', 'listed.example\0.evil.example:443', 400, 'the request cannot be read', undefined],
    ['a raw byte', 'l\xefsted.example:443', 400, 'the request cannot be read', undefined],
    ['no port', 'listed.example', 400, 'the destination has no port', undefined],
  ])('to %s, and counted', async (_what, destination, status, reason, allowWith) => {
    const { proxy, pod } = await start()
    const before = target.connections()
    for (let time = 0; time < 2; time += 1) {
      const text = await askToTheEnd(pod, `CONNECT ${destination} HTTP/1.1\r\nHost: x\r\n\r\n`)
      expect(text.split(' ')[1]).toBe(String(status))
      expect(text).toContain(reason)
      if (allowWith !== undefined) expect(text).toContain(`adding ${allowWith} to EGRESS_ALLOW`)
    }
    const [refusal, ...others] = await proxy.refusals(pod)
    expect(others).toEqual([])
    expect(refusal).toMatchObject({ reason, count: 2, ...(allowWith && { allowWith }) })
    expect(refusal?.host).toMatch(/^[\x20-\x7e]+$/)
    expect(target.connections()).toBe(before)
    const line = proxy.logged.find((text) => text.includes('connection refused'))
    expect(JSON.parse(line ?? '{}')).toMatchObject({ taskId: 't0123456789ab', runId: 'r1', purpose: 'agent', reason })
  })

  it('to a listed name that resolves to an inside address, unless that address and port are listed as well', async () => {
    const { proxy, pod, listed } = await start({}, `listed.example:${target.port}`)
    const text = await askToTheEnd(pod, `CONNECT ${listed} HTTP/1.1\r\nHost: x\r\n\r\n`)
    expect(text).toContain('resolves to an address that is not public (127.0.0.1, loopback)')
    proxy.names.set('listed.example', [['10.0.0.8', '93.184.215.14']])
    await askToTheEnd(pod, `CONNECT ${listed} HTTP/1.1\r\nHost: x\r\n\r\n`)
    expect(await proxy.refusals(pod)).toEqual([
      expect.objectContaining({ host: 'listed.example', port: target.port }),
      expect.objectContaining({ allowWith: `10.0.0.8:${target.port}` }),
    ])
  })
})

describe('a tunnel is closed before the target hears a byte', () => {
  const named = (name: string) => handMadeHello([[0, serverNameExtension(name)]])
  it.each([
    ['asks for another host', named('other.example'), 'the TLS hello names another host (other.example)'],
    ['names no host', handMadeHello([]), 'the TLS hello names no host (SNI)'],
    [
      'hides its host',
      handMadeHello([
        [0, serverNameExtension('listed.example')],
        [0xfe0d, Buffer.alloc(40)],
      ]),
      'the TLS hello hides which host it asks for (encrypted client hello)',
    ],
    ['speaks ssh', Buffer.from('SSH-2.0-x\r\n'), 'what came through the tunnel is not TLS'],
    ['speaks http', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'what came through the tunnel is not TLS'],
    ['stops in the middle', named('listed.example').subarray(0, 20), 'no TLS hello came in time'],
    ['never says anything', Buffer.alloc(0), 'no TLS hello came in time'],
  ])('when the sandbox %s', async (_what, bytes, reason) => {
    let heard = 0
    const silent = createTcpServer((socket) =>
      socket.on('data', (data) => (heard += data.length)).on('error', () => undefined),
    )
    const port = await listening(silent)
    const { proxy, pod } = await start({ helloTimeoutMs: 300 }, `listed.example:${port},127.0.0.1:${port}`)
    const { socket, status } = await openTunnel(pod, `listed.example:${port}`)
    expect(status).toBe(200)
    const answer = readToTheEnd(socket)
    socket.write(bytes)
    // A TLS alert: access denied.
    expect(Buffer.from(await answer, 'latin1')).toEqual(Buffer.from([21, 3, 3, 0, 2, 2, 49]))
    expect(await proxy.refusals(pod)).toEqual([{ host: 'listed.example', port, reason, count: 1 }])
    expect(heard).toBe(0)
    silent.close()
  })
})

describe('limits', () => {
  it('close who sends a request too slowly, or nothing at all', async () => {
    const { pod } = await start({ headTimeoutMs: 400 })
    const silent = await connectPod(pod)
    const slow = await connectPod(pod)
    const drip = setInterval(() => slow.write('C'), 50)
    const answers = await Promise.all([readToTheEnd(silent), readToTheEnd(slow)])
    clearInterval(drip)
    for (const answer of answers) expect(answer).toMatch(/^(HTTP\/1.1 4\d\d |$)/)
  })

  it('refuse a head that is too large', async () => {
    const { pod, listed } = await start({ maxHeadBytes: 2_048 })
    const text = await askToTheEnd(pod, `CONNECT ${listed} HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(5_000)}\r\n\r\n`)
    expect(text).toMatch(/^HTTP\/1.1 431 /)
  })

  it('close a tunnel in which nothing moves', async () => {
    const { pod, listed } = await start({ idleTimeoutMs: 300 })
    const tls = await tlsThrough(pod, listed, { ca, servername: 'listed.example' })
    tls.on('error', () => undefined)
    const startedAtMs = Date.now()
    await once(tls.resume(), 'close')
    expect(Date.now() - startedAtMs).toBeLessThan(5_000)
  })

  it('keep one sandbox that opens connection after connection from being felt by another', async () => {
    const { proxy, pod, listed } = await start({ maxConnectionsPerPod: 8 })
    const flood = await Promise.all(Array.from({ length: 60 }, () => connectPod(pod).catch(() => undefined)))
    const other = await proxy.openPod()
    const tls = await tlsThrough(other, listed, { ca, servername: 'listed.example' })
    tls.destroy()
    await expect
      .poll(() => proxy.refusals(pod))
      .toMatchObject([{ reason: 'too many connections of this sandbox at once', count: 52 }])
    for (const socket of flood) socket?.destroy()
    await expect.poll(async () => (await openTunnel(pod, listed)).status).toBe(200)
  })

  it('bound all sandboxes together', async () => {
    const { proxy, pod } = await start({ maxConnections: 3 })
    const sockets = await Promise.all(Array.from({ length: 5 }, () => connectPod(pod)))
    await expect
      .poll(() => proxy.refusals(pod))
      .toMatchObject([{ reason: 'too many connections of all sandboxes at once' }])
    for (const socket of sockets) socket.destroy()
  })

  it('count a flood of refusals in bounded memory, and log a part of them', async () => {
    const { proxy, pod } = await start()
    for (let at = 0; at < 130; at += 1) await askToTheEnd(pod, `CONNECT h${at}.example:443 HTTP/1.1\r\nHost: x\r\n\r\n`)
    const refusals = await proxy.refusals(pod)
    expect(refusals).toHaveLength(101)
    expect(refusals.at(-1)).toMatchObject({ host: '(others)', count: 30 })
    expect(proxy.logged.filter((line) => line.includes('connection refused')).length).toBeLessThan(110)
  })
})
