import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ask, askToTheEnd, connectPod } from './testing/sandbox-side.ts'
import { startTestProxy, type TestProxy } from './testing/start-proxy.ts'

let server: Server
let port: number
const seen: { method: string; url: string; headers: IncomingMessage['headers']; raw: string[]; body: string }[] = []

beforeAll(async () => {
  server = createServer(async (request, response) => {
    if (request.url === '/early') {
      response.writeHead(413, { connection: 'close' }).end('too much')
      return
    }
    if (request.url === '/switch') {
      request.socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')
      return
    }
    let body = ''
    for await (const chunk of request) body += chunk
    seen.push({
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      raw: request.rawHeaders,
      body,
    })
    if (request.url === '/inside') response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end()
    else if (request.url === '/cut') {
      response.writeHead(200, { 'content-length': '100' }).write('part')
      setTimeout(() => response.destroy(), 20)
    } else {
      response.writeHead(200, { 'x-answer': 'yes', connection: 'x-hop', 'x-hop': '1', 'keep-alive': 'timeout=1' })
      response.end(`hello ${request.url}`)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

let proxy: TestProxy
afterEach(() => proxy.stop())

async function start(allow = `plain.example:${port},127.0.0.1:${port}`): Promise<string> {
  seen.length = 0
  proxy = await startTestProxy(allow)
  proxy.names.set('plain.example', [['127.0.0.1']])
  return await proxy.openPod()
}

const get = (url: string, host: string, more = '') => `GET ${url} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`

describe('a plain http request with a whole URL', () => {
  it('is passed on to a listed host and port, without what is between neighbours only', async () => {
    const pod = await start()
    const hop =
      'Connection: close, X-Secret\r\nX-Secret: 1\r\nProxy-Authorization: Basic eA==\r\nUpgrade: h2c\r\nTE: trailers\r\n'
    const text = await askToTheEnd(
      pod,
      get(`http://PLAIN.example:${port}/a?b=c`, `plain.example:${port}`, `${hop}X-Kept: 1\r\n`),
    )
    expect(text).toMatch(/^HTTP\/1.1 200 OK/)
    expect(text).toContain('hello /a?b=c')
    expect(text).toContain('x-answer: yes')
    expect(text).not.toMatch(/x-hop/i)
    expect(seen).toHaveLength(1)
    expect(seen[0]).toMatchObject({ url: '/a?b=c', headers: { host: `plain.example:${port}`, 'x-kept': '1' } })
    for (const name of ['x-secret', 'proxy-authorization', 'upgrade', 'te'])
      expect(seen[0]?.headers).not.toHaveProperty(name)
  })

  it('streams bodies with and without a length', async () => {
    const pod = await start()
    const head = `POST http://plain.example:${port}/p HTTP/1.1\r\nHost: plain.example:${port}\r\nConnection: close\r\n`
    await askToTheEnd(pod, `${head}Content-Length: 5\r\n\r\nhello`)
    await askToTheEnd(pod, `${head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`)
    await askToTheEnd(pod, `${head.replace('POST', 'DELETE')}Transfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n`)
    expect(seen.map(({ method, body }) => [method, body])).toEqual([
      ['POST', 'hello'],
      ['POST', 'abcde'],
      ['DELETE', 'xyz'],
    ])
  })

  it('stays one request when it calls its Content-Length a header between neighbours', async () => {
    const pod = await start()
    const body = 'GET /other HTTP/1.1\r\nHost: other.example\r\n\r\n'
    for (const method of ['GET', 'DELETE', 'POST']) {
      const head = `${method} http://plain.example:${port}/p HTTP/1.1\r\nHost: plain.example:${port}\r\n`
      await askToTheEnd(
        pod,
        `${head}Connection: close, content-length\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      )
    }
    expect(seen.map((one) => [one.method, one.url, one.body])).toEqual([
      ['GET', '/p', body],
      ['DELETE', '/p', body],
      ['POST', '/p', body],
    ])
  })

  it('is checked anew on a connection that stays open, a redirect to an inside address too', async () => {
    const pod = await start()
    const socket = await connectPod(pod)
    const first = await ask(socket, get(`http://plain.example:${port}/inside`, `plain.example:${port}`))
    expect(first.head).toContain('location: http://169.254.169.254/latest')
    const second = await ask(socket, get('http://169.254.169.254/latest', '169.254.169.254'))
    expect(second.status).toBe(403)
    expect(await proxy.refusals(pod)).toMatchObject([{ host: '169.254.169.254', port: 80, reason: 'not on the list' }])
    socket.destroy()
  })

  it('that is answered with less than was promised is cut off as well', async () => {
    const pod = await start()
    const text = await askToTheEnd(pod, get(`http://plain.example:${port}/cut`, `plain.example:${port}`))
    expect(text).toContain('content-length: 100')
    expect(text).toMatch(/part$/)
  })

  it('is answered although its body was not taken, and with 502 by a server that switches protocols', async () => {
    const pod = await start()
    const socket = await connectPod(pod)
    const head = `POST http://plain.example:${port}/early HTTP/1.1\r\nHost: plain.example:${port}\r\nContent-Length: 99999\r\n\r\n`
    expect(await ask(socket, `${head}only a part`)).toMatchObject({ status: 413 })
    socket.destroy()
    const text = await askToTheEnd(pod, get(`http://plain.example:${port}/switch`, `plain.example:${port}`))
    expect(text).toMatch(/^HTTP\/1.1 502 /)
  })

  it.each([
    ['a host that is listed for TLS only', 'http://tls.example/', 'tls.example', 403, 'not on the list'],
    ['a host that is not listed', 'http://other.example/', 'other.example', 403, 'not on the list'],
    ['another Host header', 'http://plain.example:PORT/', 'other.example', 400, 'the Host header names another host'],
    [
      'two Host headers',
      'http://plain.example:PORT/',
      'plain.example:PORT\r\nHost: other.example',
      400,
      'the Host header',
    ],
    ['https as a URL', 'https://plain.example:PORT/', 'plain.example:PORT', 400, 'only http:// URLs'],
    ['another scheme', 'ftp://plain.example/', 'plain.example', 400, 'only http:// URLs'],
    ['a user name', 'http://plain.example:PORT@evil.example/', 'evil.example', 400, 'user name'],
    ['an address as a number', 'http://2130706433/', '2130706433', 400, 'unusual spelling'],
    ['a backslash', 'http://plain.example\\@evil.example/', 'evil.example', 400, 'cannot be read'],
  ])('is refused: %s', async (_what, url, host, status, reason) => {
    const pod = await start(`plain.example:${port},127.0.0.1:${port},tls.example`)
    const text = await askToTheEnd(pod, get(url, host).replaceAll('PORT', String(port)))
    expect(text.split(' ')[1]).toBe(String(status))
    expect(text).toContain(reason)
    expect(seen).toEqual([])
    expect(await proxy.refusals(pod)).toMatchObject([{ reason: expect.stringContaining(reason), count: 1 }])
  })

  it('names the line that would allow port 80', async () => {
    const pod = await start('plain.example')
    expect(await askToTheEnd(pod, get('http://plain.example/', 'plain.example'))).toContain(
      'adding plain.example:80 to EGRESS_ALLOW',
    )
  })
})

describe('what is no request to a proxy', () => {
  it.each([
    ['a path', get('/', 'x'), 400],
    ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['SOCKS 5', '\x05\x01\x00', 400],
    ['SOCKS 4', '\x04\x01\x01\xbb\x01\x02\x03\x04\0', 400],
    ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    [
      'both framings',
      'POST http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      'two lengths',
      'POST http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc',
      400,
    ],
    ['a folded header', 'GET http://plain.example/ HTTP/1.1\r\nHost: plain.example\r\n folded\r\n\r\n', 400],
  ])('is answered in words: %s', async (_what, bytes, status) => {
    const pod = await start()
    const text = await askToTheEnd(pod, bytes)
    expect(text.split(' ')[1]).toBe(String(status))
    expect(text).toContain("DevBot's egress-proxy")
    expect(seen).toEqual([])
  })
})
