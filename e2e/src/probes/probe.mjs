// Run inside a sandbox by the containment tests: tries everything it should not be able to do, and prints what happened
// as one line of JSON. Needs nothing but Node.
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { accessSync, constants, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { argv, env, getuid } from 'node:process'
import { gzipSync } from 'node:zlib'

const { hosts, ports, writable } = JSON.parse(Buffer.from(argv[2] ?? '', 'base64url').toString('utf8'))

const attempt = (work) => {
  try {
    return { ok: work() }
  } catch (error) {
    return { error: error.code ?? String(error) }
  }
}

const tcp = (host, port) =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1500 })
    const end = (answer) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end('connected'))
    socket.once('timeout', () => end('timeout'))
    socket.once('error', (error) => end(error.code))
  })

const udp = (host, port) =>
  new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    const end = (answer) => {
      socket.close()
      resolve(answer)
    }
    socket.once('message', () => end('answered'))
    socket.once('error', (error) => end(error.code))
    socket.send(Buffer.from('probe'), port, host, (error) =>
      error ? end(error.code) : setTimeout(() => end('sent'), 300),
    )
  })

const processes = readdirSync('/proc')
  .filter((name) => /^\d+$/.test(name))
  .map((pid) => ({
    pid,
    command: attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')).ok,
    environment: attempt(() => readFileSync(`/proc/${pid}/environ`, 'utf8')).ok,
  }))

const network = []
for (const host of hosts ?? []) {
  for (const port of ports ?? []) network.push({ to: `tcp ${host}:${port}`, outcome: await tcp(host, port) })
  network.push({ to: `udp ${host}:53`, outcome: await udp(host, 53) })
}

const report = {
  user: getuid(),
  environment: { ...env },
  status: readFileSync('/proc/self/status', 'utf8'),
  interfaces: readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .slice(2)
    .map((line) => line.split(':')[0].trim())
    .filter((name) => name !== ''),
  mounts: readFileSync('/proc/mounts', 'utf8'),
  processes,
  network,
  ping: attempt(
    () => execFileSync('ping', ['-c', '1', '-W', '1', hosts?.[0] ?? '127.0.0.2'], { stdio: 'pipe' }).length,
  ),
  name: await lookup('example.com').then(
    () => 'resolved',
    (error) => error.code,
  ),
  sockets: ['/var/run/docker.sock', '/run/docker.sock', '/run/docker-gate/docker.sock', '/run/egress'].filter(
    (path) => attempt(() => accessSync(path, constants.F_OK)).error === undefined,
  ),
  writable: (
    writable ?? ['/', '/etc', '/usr', '/usr/bin', '/var', '/root', '/home', '/proc/sys/kernel', '/sys']
  ).filter((folder) => attempt(() => writeFileSync(`${folder}/devbot-probe`, 'x')).error === undefined),
  gitConfiguration: attempt(() => execFileSync('git', ['config', '--list', '--show-origin'], { encoding: 'utf8' })),
  filesWithSecrets: attempt(() => secretFiles()),
}
process.stdout.write(`PROBE ${gzipSync(JSON.stringify(report)).toString('base64')}\n`)

/** Every secret of the tests begins so; the pattern does not match itself. */
function secretFiles() {
  const pattern = 'local-(bot|model|webhook|reviewer|outsider)-[0-9a-f]{36}'
  try {
    const folders = ['/sandbox', '/tmp', '/etc', '/run', '/var', '/home', '/root', '/opt', '/srv', '/mnt', '/media']
    return execFileSync('grep', ['-rlsE', pattern, ...folders], { encoding: 'utf8' })
  } catch (error) {
    return error.status === 1 || error.status === 2 ? (error.stdout ?? '') : `grep: ${error.status}`
  }
}
