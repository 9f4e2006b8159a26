import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { CONTAINER_LABELS } from '@devbot/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Sandbox } from '../sandbox.ts'
import { inspectPart, makeDockerDriver, removeInstance } from '../testing/docker-pods.ts'
import { generous, specForTests, text } from '../testing/make-sandbox.ts'
import { engineAnswers, ensureTestImage } from '../testing/test-images.ts'

const dockerHost = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock'
const answers = await engineAnswers(dockerHost)

const limits = { memoryBytes: 512 * 1024 ** 2, diskBytes: 256 * 1024 ** 2, cpus: 0.5, processes: 100, maxMinutes: 7 }
const TMPFS = 'rw,exec,nosuid,nodev,size=67108864,nr_inodes=8192,uid=65534,gid=65534,mode=1777'
const ROOT_TMPFS = 'rw,exec,nosuid,nodev,size=201326592,nr_inodes=24576,uid=65534,gid=65534,mode=0700'

/** What both containers have in common. */
const HARDENED = {
  RestartPolicy: { Name: 'no' },
  CapDrop: ['ALL'],
  IpcMode: 'private',
  CgroupnsMode: 'private',
  CpuShares: 256,
  OomScoreAdj: 500,
  ReadonlyRootfs: true,
  SecurityOpt: ['no-new-privileges'],
  Runtime: 'runc',
  Ulimits: [
    { Name: 'nofile', Hard: 16_384, Soft: 16_384 },
    { Name: 'core', Hard: 0, Soft: 0 },
  ],
  LogConfig: { Type: 'none' },
  Init: true,
  ShmSize: 64 * 1024 ** 2,
  MaskedPaths: expect.arrayContaining(['/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware']),
  ReadonlyPaths: expect.arrayContaining(['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']),
}

/** A container has its image's labels, too; a base image that was made here has one of ours. */
function withoutImageLabels(labels: unknown) {
  return Object.fromEntries(Object.entries(Object(labels)).filter(([name]) => name !== 'dev.devbot.stand-in'))
}

/**
 * The whole of an object without what says nothing: engines differ in null, empty, 0, false or absent. What is left is
 * compared as a whole, so a field that nobody thought of fails the test.
 */
function telling(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(telling)
  if (!(value instanceof Object)) return value
  const entries = Object.entries(value).flatMap(([name, one]) => (saysNothing(name, one) ? [] : [[name, telling(one)]]))
  return Object.fromEntries(entries)
}

function saysNothing(name: string, value: unknown): boolean {
  // By the client's terminal.
  if (name === 'ConsoleSize') return true
  // Soft and hard limits of 0 do say something.
  if (name === 'Soft' || name === 'Hard') return false
  return !value || (value instanceof Object && Object.keys(value).length === 0)
}

describe.skipIf(!answers).each([
  { purpose: 'agent', workspace: 'memory' },
  { purpose: 'check', workspace: 'memory' },
  { purpose: 'agent', workspace: 'volume' },
] as const)(
  'the containers of a sandbox ($purpose, $workspace), inspected (needs a Docker engine)',
  ({ purpose, workspace }) => {
    let instance = ''
    let image = ''
    let sandbox: Sandbox

    beforeAll(async () => {
      image = await ensureTestImage(dockerHost, 'debian')
      const made = await makeDockerDriver(dockerHost, { workspace })
      instance = made.instance
      sandbox = await made.driver.create({ ...made.spec, purpose, limits })
    })
    afterAll(async () => {
      await sandbox[Symbol.asyncDispose]()
      await removeInstance(dockerHost, instance)
    })

    const labelsOf = (role: string) => ({
      [CONTAINER_LABELS.instance]: instance,
      [CONTAINER_LABELS.pod]: expect.stringMatching(/^[0-9a-f]{24}$/),
      [CONTAINER_LABELS.role]: role,
      [CONTAINER_LABELS.purpose]: purpose,
      [CONTAINER_LABELS.task]: specForTests.taskId,
      [CONTAINER_LABELS.run]: specForTests.runId,
      [CONTAINER_LABELS.epoch]: '1',
      [CONTAINER_LABELS.expires]: expect.stringMatching(/^\d{13}$/),
    })
    const isVolume = workspace === 'volume'
    const wantedMount = () => ({ Type: 'volume', Source: expect.stringMatching(/-workspace$/), Target: '/sandbox' })
    const volumeMount = {
      Type: 'volume',
      Name: expect.stringMatching(/^devbot-.*-workspace$/),
      Driver: 'local',
      Destination: '/sandbox',
      RW: true,
    }

    it('are an anchor with no network at all', async () => {
      const { inspected } = await inspectPart(dockerHost, instance, 'anchor')
      expect(inspected.Config).toMatchObject({
        Image: image,
        User: '65533:65533',
        Hostname: 'sandbox',
        Cmd: ['sleep', '420'],
        Entrypoint: [],
        WorkingDir: '/',
        AttachStdin: false,
        Tty: false,
        OpenStdin: false,
        StopSignal: 'SIGKILL',
        Healthcheck: { Test: ['NONE'] },
      })
      expect(withoutImageLabels(inspected.Config?.Labels)).toEqual(labelsOf('anchor'))
      expect(telling(inspected.HostConfig)).toEqual({
        ...HARDENED,
        NetworkMode: 'none',
        Dns: ['127.0.0.1'],
        ...(isVolume && { Mounts: [wantedMount()] }),
        Memory: 64 * 1024 ** 2,
        MemorySwap: 64 * 1024 ** 2,
        NanoCpus: 500_000_000,
        PidsLimit: 128,
      })
      expect(inspected.Mounts).toMatchObject(isVolume ? [volumeMount] : [])
      expect(Object.keys(Object(inspected.NetworkSettings?.Networks))).toEqual(['none'])
    })

    it('and a sandbox in its namespace, with its limits, and nothing of the host', async () => {
      const anchor = await inspectPart(dockerHost, instance, 'anchor')
      const { inspected } = await inspectPart(dockerHost, instance, 'sandbox')
      expect(inspected.Config).toMatchObject({
        Image: image,
        User: '65533:65533',
        Cmd: ['sleep', '420'],
        Entrypoint: [],
        WorkingDir: '/',
        AttachStdin: false,
        Tty: false,
        OpenStdin: false,
        StopSignal: 'SIGKILL',
        Healthcheck: { Test: ['NONE'] },
      })
      expect(withoutImageLabels(inspected.Config?.Labels)).toEqual(labelsOf('sandbox'))
      const tmpfsBytes = isVolume ? 67_108_864 : 268_435_456
      expect(telling(inspected.HostConfig)).toEqual({
        ...HARDENED,
        NetworkMode: `container:${anchor.id}`,
        Memory: limits.memoryBytes + tmpfsBytes,
        MemorySwap: limits.memoryBytes + tmpfsBytes,
        NanoCpus: 500_000_000,
        PidsLimit: 100,
        Tmpfs: { '/tmp': TMPFS, ...(!isVolume && { '/sandbox': ROOT_TMPFS }) },
        ...(isVolume && { Mounts: [wantedMount()] }),
      })
      expect(inspected.Mounts).toMatchObject(isVolume ? [volumeMount] : [])
      expect(inspected.NetworkSettings?.Networks).toEqual({})
    })

    it('and the sandbox can write where it should', async () => {
      await out(
        sandbox,
        'echo x >/tmp/x; echo x >x; echo x >"$HOME/x"; mkdir -p a/b; printf "#!/bin/sh\\n" >s; chmod +x s; ./s',
      )
      expect((await out(sandbox, 'stat -f -c %T /sandbox')) === 'tmpfs\n').toBe(!isVolume)
    })
  },
)

describe.skipIf(!answers)('a process in a sandbox (needs a Docker engine)', () => {
  let instance = ''
  let sandbox: Sandbox

  beforeAll(async () => {
    const made = await makeDockerDriver(dockerHost)
    instance = made.instance
    sandbox = await made.driver.create({ ...made.spec, limits })
  })
  afterAll(async () => {
    await sandbox[Symbol.asyncDispose]()
    await removeInstance(dockerHost, instance)
  })

  it('is nobody, without a capability and without a way to get one', async () => {
    expect(await out(sandbox, 'id -u; id -g; id -G')).toBe('65534\n65534\n65534\n')
    const status = await out(sandbox, 'cat /proc/self/status')
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      expect(status).toMatch(new RegExp(`^${set}:\\s+0{16}$`, 'm'))
    }
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m)
    expect(status).toMatch(/^Seccomp:\s+2$/m)
    // Programs with the setuid bit are there, and give nothing.
    expect(await out(sandbox, 'su -c id 2>&1 </dev/null || mount -t tmpfs x /tmp 2>&1 || echo refused')).toContain(
      'refused',
    )
  })

  it('has the environment that was built for it and nothing of the worker', async () => {
    process.env.SECRET_OF_THE_WORKER = 'hush'
    const environment = text(await sandbox.run('env', generous))
    delete process.env.SECRET_OF_THE_WORKER
    expect(environment).not.toContain('hush')
    // NODE_* would come from an image that sets them.
    const names = environment.split('\n').flatMap((line) => line.split('=')[0] || [])
    expect(names.sort()).toEqual(['HOME', 'HOSTNAME', 'LANG', 'OLDPWD', 'PATH', 'PWD', 'TMPDIR', 'USER'])
    expect(environment).toMatch(/^HOSTNAME=sandbox$/m)
  })

  it('can write to its own places only', async () => {
    const listed = await out(
      sandbox,
      'for folder in / /etc /usr /usr/bin /home /root /var /var/tmp /run /opt /srv /dev /proc /proc/sys /sys /mnt; do (: >$folder/probe) 2>/dev/null && echo "$folder"; done; rm -f /*/probe; echo end',
    )
    expect(listed).toBe('end\n')
    const writable = await out(sandbox, "awk '$4 ~ /^rw/ {print $2}' /proc/mounts | sort")
    // What the kernel gives: devices, and what a process may tell of itself.
    const kernels =
      /^(\/dev(\/(mqueue|pts|shm))?|\/proc(\/(keys|timer_list|kcore|latency_stats|sched_debug))?|\/sys\/fs\/cgroup)$/
    expect(
      writable
        .trim()
        .split('\n')
        .filter((path) => !kernels.test(path)),
    ).toEqual(['/sandbox', '/tmp'])
  })

  it('finds no socket of the engine and no folder of the host', async () => {
    expect(await out(sandbox, 'ls /var/run/docker.sock /run/docker.sock /run/egress 2>&1 || true')).not.toMatch(/^\//m)
    expect(await out(sandbox, 'find / -xdev -type s 2>/dev/null || true')).toBe('')
    const sources = await out(sandbox, "awk '{print $4, $5}' /proc/self/mountinfo | grep -v '^/ ' || true")
    // Only the three small files that the engine makes for names come from its disk.
    const destinations = sources.split('\n').flatMap((line) => line.split(' ')[1] ?? [])
    expect(
      destinations.filter(
        (path) => !/^\/(etc\/(hosts|hostname|resolv\.conf)|proc|sys|dev|(usr\/)?sbin\/docker-init)/.test(path),
      ),
    ).toEqual([])
  })

  it('can neither signal, read nor trace the keeper, so it cannot end its container', async () => {
    const attempts = [
      'kill -9 1',
      'kill -STOP 1',
      'cat /proc/1/environ',
      'ls -l /proc/1/cwd/ /proc/1/root/ /proc/1/fd/',
      'cat /proc/1/maps',
      'echo 0 >/proc/1/oom_score_adj',
      'echo x >/proc/1/mem',
    ]
    for (const attempt of attempts)
      expect(await sandbox.exec(attempt, generous), attempt).not.toMatchObject({ exitCode: 0 })
    // One by one: each process whose user is not the sandbox's.
    const killed = await out(
      sandbox,
      'for process in $(ls -d /proc/[0-9]*); do if [ "$(stat -c %u $process)" = 65533 ]; then kill -9 $(basename $process) 2>&1 && echo killed; fi; done; echo end',
    )
    expect(killed.match(/not permitted/g)?.length).toBe(2)
    expect(killed).not.toContain('killed')
    await sandbox.exec('kill -9 -1', generous)
    expect(await out(sandbox, 'echo alive')).toBe('alive\n')
  })

  it('is limited in memory, processor time, processes, open files and core files', async () => {
    const cgroup = (v1: string, v2: string) =>
      out(sandbox, `cat /sys/fs/cgroup/${v1} 2>/dev/null || cat /sys/fs/cgroup/${v2}`)
    expect(Number(await cgroup('memory/memory.limit_in_bytes', 'memory.max'))).toBe(
      limits.memoryBytes + limits.diskBytes,
    )
    expect(Number(await cgroup('pids/pids.max', 'pids.max'))).toBe(100)
    expect(await out(sandbox, 'ulimit -n; ulimit -Hn; ulimit -c')).toBe('16384\n16384\n0\n')
    expect(await cgroup('cpu/cpu.cfs_quota_us', 'cpu.max')).toMatch(/^50000/)
  })

  it('has no interface but loopback and no route', async () => {
    expect(
      (await out(sandbox, 'ls /sys/class/net')).split(/\s+/).filter((name) => name !== '' && name !== 'lo'),
    ).toEqual((await out(sandbox, 'cat /proc/net/dev')).match(/^\s*(?!lo)\w+(?=:)/gm) ?? [])
    const interfaces = [...(await out(sandbox, 'cat /proc/net/dev')).matchAll(/^\s*([\w.@-]+):/gm)].map(
      ([, name]) => name,
    )
    expect(interfaces).toEqual(['lo'])
    expect((await out(sandbox, 'cat /proc/net/route')).trim().split('\n').length).toBe(1)
    expect(await out(sandbox, 'grep ^nameserver /etc/resolv.conf')).toBe('nameserver 127.0.0.1\n')
  })

  it('reaches nothing by TCP, UDP or ICMP: no address of the host, metadata service, resolver or the internet', async () => {
    const server = createServer((socket) => socket.end('reached')).listen(0, '0.0.0.0')
    await new Promise((resolve) => server.once('listening', resolve))
    const bound = server.address()
    const port = bound instanceof Object ? bound.port : 0
    const ofHost = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
    const addresses = new Set([
      ...ofHost.filter((address) => address !== '127.0.0.1' && address !== '::1'),
      ...[
        '172.17.0.1',
        '169.254.169.254',
        '192.168.65.1',
        '8.8.8.8',
        '1.1.1.1',
        'fd00:ec2::254',
        '2001:4860:4860::8888',
      ],
    ])
    await sandbox.writeFile('probe.cjs', Buffer.from(PROBE))
    const answer = JSON.parse(await out(sandbox, `node probe.cjs ${port} ${[...addresses].join(' ')}`))
    server.close()
    expect(Object.keys(answer.tcp).length).toBe(addresses.size * 4)
    expect(
      Object.values({ ...answer.tcp, ...answer.udp }).filter(
        (end) => !/^(ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|EINVAL)$/.test(String(end)),
      ),
    ).toEqual([])
    // Names: nobody answers on loopback.
    expect(answer.names).toEqual([expect.stringMatching(/^E/), expect.stringMatching(/^E/)])
  })

  it('cannot even make a raw socket for ICMP', async () => {
    const {
      driver,
      spec,
      instance: other,
    } = await makeDockerDriver(dockerHost, {
      sandboxImage: await ensureTestImage(dockerHost, 'alpine-like'),
    })
    await using pinging = await driver.create(spec)
    for (const address of ['172.17.0.1', '8.8.8.8']) {
      const { exitCode } = await pinging.exec(`ping -c 1 -W 2 ${address}`, generous)
      expect(exitCode).not.toBe(0)
    }
    await pinging[Symbol.asyncDispose]()
    await removeInstance(dockerHost, other)
  })
})

async function out(sandbox: Sandbox, command: string): Promise<string> {
  const result = await sandbox.run(command, generous)
  expect(result, text(result)).toMatchObject({ exitCode: 0 })
  return text(result)
}

/** Tries every address by TCP on four ports and by UDP, and two names; prints how each attempt ended. */
const PROBE = `
const { connect } = require('node:net')
const { createSocket } = require('node:dgram')
const { lookup } = require('node:dns')
const [port, ...addresses] = process.argv.slice(2)
const tcp = {}, udp = {}
const tryTcp = (address, port) => new Promise((done) => {
  const socket = connect({ host: address, port: Number(port), timeout: 3000 })
  const end = (how) => { tcp[address + ' ' + port] = how; socket.destroy(); done() }
  socket.on('connect', () => end('connected')).on('timeout', () => end('timeout')).on('error', (e) => end(e.code))
})
const tryUdp = (address) => new Promise((done) => {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  const end = (how) => { udp['udp ' + address] = how; socket.close(); done() }
  socket.on('error', (e) => end(e.code))
  socket.send('x', 53, address, (e) => end(e ? e.code : 'sent'))
})
const tryName = (name) => new Promise((done) => lookup(name, (e) => done(e ? e.code : 'resolved')))
Promise.all([
  ...addresses.flatMap((address) => [port, 80, 443, 53].map((one) => tryTcp(address, one))),
  ...addresses.map(tryUdp),
]).then(async () => {
  const names = await Promise.all(['example.com', 'host.docker.internal'].map(tryName))
  console.log(JSON.stringify({ tcp, udp, names }))
})
`
