// Run inside a sandbox by the tests of the way out: tries what `attempts.json` beside it says, and prints what became of
// it as one line of JSON. Needs nothing but Node and curl.
import { execFile } from 'node:child_process'
import { lookup, Resolver } from 'node:dns/promises'
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { env } from 'node:process'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'

const { url, attempts, direct, names } = JSON.parse(readFileSync(new URL('attempts.json', import.meta.url), 'utf8'))
const PROXY = { host: '127.0.0.1', port: 3128 }
const PATIENCE_MS = 30_000

const outcomeOf = (work) =>
  work.then(
    (answer) => answer,
    (error) => error.code ?? String(error),
  )

const connected = (target) =>
  new Promise((resolve, reject) => {
    const socket = connect({ ...target, timeout: PATIENCE_MS })
    socket.once('connect', () => resolve(socket))
    socket.once('timeout', () => socket.destroy(new Error('timeout')))
    socket.on('error', reject)
  })

/** The answer's head, or what came of it before the end; what follows it stays in the socket. */
const readHead = (socket) =>
  new Promise((resolve, reject) => {
    let head = ''
    const end = () => {
      socket.off('readable', look).off('end', end).off('close', end)
      resolve(head)
    }
    // Byte by byte, so that nothing is taken that belongs to the tunnel.
    const look = () => {
      for (let byte = socket.read(1); byte !== null; byte = socket.read(1)) {
        head += byte.toString('latin1')
        if (head.endsWith('\r\n\r\n')) return end()
      }
    }
    socket.on('readable', look).once('end', end).once('close', end).once('error', reject)
  })

/** What comes until the other side closes. */
const readRest = (socket) =>
  new Promise((resolve, reject) => {
    const pieces = []
    const end = () => resolve(Buffer.concat(pieces).toString('latin1'))
    socket
      .on('data', (piece) => pieces.push(piece))
      .once('end', end)
      .once('close', end)
      .once('error', reject)
  })

/** TLS in the tunnel, and one request in that. Rejects when the certificate is not valid for the host. */
const overTls = (socket, { host, servername, path }) =>
  new Promise((resolve, reject) => {
    const secure = connectTls({ socket, host, ...(servername === null ? {} : { servername }) })
    secure.once('error', reject)
    secure.once('secureConnect', () => {
      secure.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      readRest(secure).then((text) => resolve(`TLS, ${text.split('\r\n', 1)[0]}`), reject)
    })
  })

/** `sent` goes to the proxy; where a tunnel opens, `tls` or `plain` is tried in it. */
async function attempt({ sent, tls, plain }) {
  const socket = await connected(PROXY)
  try {
    socket.write(Buffer.from(sent, 'latin1'))
    const status = (await readHead(socket)).split('\r\n', 1)[0]
    if (!status.startsWith('HTTP/1.1 200') || (tls === undefined && plain === undefined)) return { status }
    if (plain !== undefined) socket.write(plain)
    return { status, inside: await outcomeOf(tls === undefined ? readRest(socket) : overTls(socket, tls)) }
  } finally {
    socket.destroy()
  }
}

const withFetch = async () => {
  const body = await (await fetch(url)).json()
  return `${body.name}@${body['dist-tags'].latest}`
}

const withCurl = async () => {
  const { stdout } = await promisify(execFile)(
    'curl',
    ['--silent', '--show-error', '--fail', '--max-time', '30', url],
    {
      maxBuffer: 64 * 1024 ** 2,
    },
  )
  const body = JSON.parse(stdout)
  return `${body.name}@${body['dist-tags'].latest}`
}

const resolver = new Resolver({ timeout: 1_000, tries: 1 })
const tried = async (list, work) =>
  Object.fromEntries(await Promise.all(list.map(async (one) => [one, await outcomeOf(work(one))])))

const report = {
  proxyVariables: Object.keys(env).filter((name) => /proxy/i.test(name)),
  fetch: url && (await outcomeOf(withFetch())),
  curl: url && (await outcomeOf(withCurl())),
  attempts: {},
  direct: await tried(direct, async (target) => {
    const [, host, port] = /^(.*):(\d+)$/.exec(target)
    const socket = await connected({ host, port: Number(port) })
    socket.destroy()
    return 'connected'
  }),
  names: await tried(names, async (name) => `resolved to ${(await lookup(name)).address}`),
  asked: await tried(names, async (name) => `resolved to ${await resolver.resolve4(name)}`),
  socketFolder: existsSync('/run/egress'),
}
// One after the other: they are told apart in the proxy's log by their order, too.
for (const one of attempts) report.attempts[one.name] = await outcomeOf(attempt(one))
process.stdout.write(`PROBE ${gzipSync(JSON.stringify(report)).toString('base64')}\n`)
