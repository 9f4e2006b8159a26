import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { CONTAINER_LABELS, KEEPER_USER, type PodPartRole, podPartName, SANDBOX_USER } from '@devbot/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  anchorBody,
  type PodProfile,
  sandboxBody,
  serviceBody,
  volumeBody,
} from '../../../packages/sandbox/src/docker/profile.ts'
import { engineIsThere, type GateWorld, startGateWorld } from './testing/gate-world.ts'
import { request, sendRaw, UPGRADE } from './testing/raw-request.ts'
import { TEST_IMAGE, TEST_SERVICE, testProfile } from './testing/test-pod.ts'

const hasEngine = await engineIsThere()
const DAY_MS = 86_400_000

/** What a hostile worker knows: a pod of its own that runs, an anchor that waits for its sandbox, and others' things. */
type Targets = {
  readonly instance: string
  readonly pod: PodProfile
  readonly sandboxId: string
  readonly anchorId: string
  readonly spare: PodProfile
  readonly spareAnchorId: string
  /** A service of the first pod, which runs. */
  readonly serviceId: string
  /** Nothing to do with DevBot. */
  readonly foreignId: string
  /** Another instance's, and not expired for long. */
  readonly otherId: string
  readonly otherName: string
  /** Carries our labels, but not our name. */
  readonly disguisedId: string
  readonly execs: { readonly foreign: string; readonly root: string; readonly own: string }
}

let world: GateWorld
let targets: Targets

async function makeTargets(): Promise<Targets> {
  const [pod, spare] = [testProfile(world.config), testProfile(world.config)]
  const anchorId = await world.makeAnchor(pod)
  const sandboxId = await world.makeSandbox(pod, anchorId)
  const serviceId = await world.makeService(pod, anchorId, TEST_SERVICE)
  const spareAnchorId = await world.makeAnchor(spare)
  const { instance } = world.config
  const foreignId = await world.makeForeign(`${instance}-foreign`, {})
  const otherPod = testProfile(
    { ...world.config, instance: `${instance}-other` },
    { expiresAtMs: Date.now() - DAY_MS / 2 },
  )
  const otherName = podPartName(otherPod.spec.instance, otherPod.podId, 'sandbox')
  const otherId = await world.makeForeign(otherName, sandboxBody(otherPod, anchorId).Labels)
  const disguisedId = await world.makeForeign(`${instance}-disguised`, sandboxBody(pod, anchorId).Labels)
  const execIn = async (id: string, User: string) =>
    (await world.engine.getContainer(id).exec({ Cmd: ['id'], User, AttachStdout: true })).id
  const execs = {
    foreign: await execIn(foreignId, SANDBOX_USER),
    root: await execIn(sandboxId, '0'),
    own: await execIn(sandboxId, SANDBOX_USER),
  }
  return {
    ...{ instance, pod, sandboxId, anchorId, serviceId, spare, spareAnchorId },
    ...{ foreignId, otherId, otherName, disguisedId, execs },
  }
}

// biome-ignore lint/suspicious/noExplicitAny: hostile bodies are changed in every way there is
type Body = any

function createTarget(profile: PodProfile, role: PodPartRole): string {
  return `/v1.41/containers/create?name=${podPartName(profile.spec.instance, profile.podId, role)}`
}

/** A sandbox body that would pass (the last test says so), with something wrong about it. */
function sandbox(change: (body: Body, host: Body) => void) {
  return (t: Targets) => {
    const body: Body = structuredClone(sandboxBody(t.spare, t.spareAnchorId))
    change(body, body.HostConfig)
    return request('POST', createTarget(t.spare, 'sandbox'), { body })
  }
}

function anchor(change: (body: Body, host: Body) => void) {
  return () => {
    const profile = testProfile(world.config)
    const body: Body = structuredClone(anchorBody(profile))
    change(body, body.HostConfig)
    return request('POST', createTarget(profile, 'anchor'), { body })
  }
}

function service(change: (body: Body, host: Body) => void, name = `service-${TEST_SERVICE.name}` as PodPartRole) {
  return (t: Targets) => {
    const body: Body = structuredClone(serviceBody(t.spare, t.spareAnchorId, TEST_SERVICE))
    change(body, body.HostConfig)
    return request('POST', createTarget(t.spare, name), { body })
  }
}

/** The same body as text, for what JSON.stringify would not write. */
function sandboxText(change: (text: string) => string | Buffer, headers?: readonly string[]) {
  return (t: Targets) => {
    const rawBody = change(JSON.stringify(sandboxBody(t.spare, t.spareAnchorId)))
    return request('POST', createTarget(t.spare, 'sandbox'), headers === undefined ? { rawBody } : { rawBody, headers })
  }
}

const firstKey = (text: string) => (json: string) => json.replace('{', `{${text},`)
const inHost = (text: string) => (json: string) => json.replace('"HostConfig":{', `"HostConfig":{${text},`)

function volume(change: (body: Body) => void) {
  return () => {
    const body: Body = structuredClone(volumeBody(testProfile(world.config)))
    change(body)
    return request('POST', '/volumes/create', { body })
  }
}

const goodExec = { AttachStdout: true, Cmd: ['touch', '/tmp/x'], User: SANDBOX_USER, WorkingDir: '/' }
const exec = (change: Body, id: keyof Targets = 'sandboxId') => {
  return (t: Targets) => request('POST', `/containers/${t[id]}/exec`, { body: { ...goodExec, ...change } })
}
const plain = (method: string, target: (t: Targets) => string, options: Parameters<typeof request>[2] = {}) => {
  return (t: Targets) => request(method, target(t), options)
}
const start = (id: keyof Targets['execs'], options: Parameters<typeof request>[2] = {}) => {
  return (t: Targets) =>
    request('POST', `/exec/${t.execs[id]}/start`, { body: { Detach: false, Tty: false }, headers: UPGRADE, ...options })
}
const raw = (text: (t: Targets) => string) => (t: Targets) => Buffer.from(text(t), 'latin1')
const get = (t: Targets) => `/containers/${t.sandboxId}`
const removal = (t: Targets) => `DELETE /containers/${t.sandboxId}?force=true HTTP/1.1\r\nHost: docker\r\n\r\n`

const HOSTILE: readonly [string, (t: Targets) => Buffer][] = [
  // Mounts
  ['a bind mount in Binds', sandbox((_, host) => (host.Binds = ['/:/host']))],
  ['a bind mount of the engine socket', sandbox((_, host) => (host.Binds = ['/var/run/docker.sock:/s']))],
  [
    'a bind in Mounts',
    sandbox((_, host) => (host.Mounts = [{ Type: 'bind', Source: '/', Target: '/sandbox', ReadOnly: false }])),
  ],
  [
    'a bind in Mounts of an anchor',
    anchor((_, host) => (host.Mounts = [{ Type: 'bind', Source: '/', Target: '/run/egress', ReadOnly: true }])),
  ],
  [
    "another's volume",
    sandbox((_, host) => (host.Mounts = [{ Type: 'volume', Source: 'redis', Target: '/sandbox', ReadOnly: false }])),
  ],
  [
    'a volume with driver options',
    sandbox(
      (_, host) =>
        (host.Mounts = [
          {
            Type: 'volume',
            Source: 'x',
            Target: '/sandbox',
            VolumeOptions: { DriverConfig: { Name: 'local', Options: { type: 'none', o: 'bind', device: '/' } } },
          },
        ]),
    ),
  ],
  [
    'the egress volume where there is none',
    anchor(
      (_, host) => (host.Mounts = [{ Type: 'volume', Source: 'devbot_egress', Target: '/run/egress', ReadOnly: true }]),
    ),
  ],
  [
    'an own workspace volume that nobody made',
    sandbox((_, host) => {
      delete host.Tmpfs['/sandbox']
      host.Mounts = [
        {
          Type: 'volume',
          Source: podPartName(targets.instance, targets.spare.podId, 'workspace'),
          Target: '/sandbox',
          ReadOnly: false,
        },
      ]
    }),
  ],
  ['Volumes', sandbox((body) => (body.Volumes = { '/x': {} }))],
  ['VolumesFrom', sandbox((_, host) => (host.VolumesFrom = [targets.foreignId]))],
  ['a volume driver', sandbox((_, host) => (host.VolumeDriver = 'local'))],
  ['one tmpfs more', sandbox((_, host) => (host.Tmpfs['/etc'] = host.Tmpfs['/tmp']))],
  [
    'a tmpfs with another owner',
    sandbox((_, host) => (host.Tmpfs['/tmp'] = host.Tmpfs['/tmp'].replace('uid=65534', 'uid=0'))),
  ],
  ['a tmpfs with one option more', sandbox((_, host) => (host.Tmpfs['/tmp'] += ',suid'))],
  ['a tmpfs with devices', sandbox((_, host) => (host.Tmpfs['/tmp'] = host.Tmpfs['/tmp'].replace('nodev', 'dev')))],
  [
    'a tmpfs with two sizes',
    sandbox((_, host) => (host.Tmpfs['/tmp'] = host.Tmpfs['/tmp'].replace('size=', 'size=1,size=9'))),
  ],
  [
    'a tmpfs larger than SANDBOX_DISK',
    sandbox((_, host) => (host.Tmpfs['/tmp'] = host.Tmpfs['/tmp'].replace(/size=\d+/, 'size=999999999999'))),
  ],
  [
    'a tmpfs without a limit of inodes',
    sandbox((_, host) => (host.Tmpfs['/tmp'] = host.Tmpfs['/tmp'].replace(/nr_inodes=\d+/, 'nr_inodes=0'))),
  ],
  // Privileges
  ['Privileged', sandbox((_, host) => (host.Privileged = true))],
  ['CapAdd', sandbox((_, host) => (host.CapAdd = ['SYS_ADMIN']))],
  ['no CapDrop', sandbox((_, host) => (host.CapDrop = []))],
  ['Capabilities', sandbox((_, host) => (host.Capabilities = ['CAP_SYS_ADMIN']))],
  [
    'a device',
    sandbox(
      (_, host) => (host.Devices = [{ PathOnHost: '/dev/sda', PathInContainer: '/dev/sda', CgroupPermissions: 'rwm' }]),
    ),
  ],
  ['device rules', sandbox((_, host) => (host.DeviceCgroupRules = ['a *:* rwm']))],
  ['device requests', sandbox((_, host) => (host.DeviceRequests = [{ Count: -1 }]))],
  ['seccomp unconfined', sandbox((_, host) => (host.SecurityOpt = ['no-new-privileges', 'seccomp=unconfined']))],
  ['no SecurityOpt', sandbox((_, host) => delete host.SecurityOpt)],
  ['no-new-privileges off', sandbox((_, host) => (host.SecurityOpt = ['no-new-privileges:false']))],
  ['no masked paths', sandbox((_, host) => (host.MaskedPaths = []))],
  ['no read-only paths', sandbox((_, host) => (host.ReadonlyPaths = []))],
  ['a writable root', sandbox((_, host) => (host.ReadonlyRootfs = false))],
  ['groups', sandbox((_, host) => (host.GroupAdd = ['docker']))],
  ['sysctls', sandbox((_, host) => (host.Sysctls = { 'net.ipv4.ip_forward': '1' }))],
  ['root as the user', sandbox((body) => (body.User = '0:0'))],
  ['the empty user', sandbox((body) => (body.User = ''))],
  ['another runtime', sandbox((_, host) => (host.Runtime = 'io.containerd.runc.v2'))],
  ['a cgroup parent', sandbox((_, host) => (host.CgroupParent = '/'))],
  // Namespaces
  ['PidMode host', sandbox((_, host) => (host.PidMode = 'host'))],
  ["PidMode of another's container", sandbox((_, host) => (host.PidMode = `container:${targets.foreignId}`))],
  ['IpcMode host', sandbox((_, host) => (host.IpcMode = 'host'))],
  ['UsernsMode host', sandbox((_, host) => (host.UsernsMode = 'host'))],
  ['UTSMode host', sandbox((_, host) => (host.UTSMode = 'host'))],
  ['CgroupnsMode host', sandbox((_, host) => (host.CgroupnsMode = 'host'))],
  ['NetworkMode host', sandbox((_, host) => (host.NetworkMode = 'host'))],
  ['NetworkMode host of an anchor', anchor((_, host) => (host.NetworkMode = 'host'))],
  ['NetworkMode bridge of an anchor', anchor((_, host) => (host.NetworkMode = 'bridge'))],
  ['NetworkMode default of an anchor', anchor((_, host) => delete host.NetworkMode)],
  ['the network of a foreign container', sandbox((_, host) => (host.NetworkMode = `container:${targets.foreignId}`))],
  [
    "the network of another instance's container",
    sandbox((_, host) => (host.NetworkMode = `container:${targets.otherId}`)),
  ],
  [
    'the network of a container with borrowed labels',
    sandbox((_, host) => (host.NetworkMode = `container:${targets.disguisedId}`)),
  ],
  ["the network of another pod's anchor", sandbox((_, host) => (host.NetworkMode = `container:${targets.anchorId}`))],
  ['the network of a sandbox', sandbox((_, host) => (host.NetworkMode = `container:${targets.sandboxId}`))],
  [
    'the network of a container by name',
    sandbox((_, host) => (host.NetworkMode = `container:${targets.instance}-foreign`)),
  ],
  [
    'the network of a container that is not there',
    sandbox((_, host) => (host.NetworkMode = `container:${'a'.repeat(64)}`)),
  ],
  ['networks beside it', anchor((body) => (body.NetworkingConfig = { EndpointsConfig: { bridge: {} } }))],
  ['a published port', anchor((_, host) => (host.PortBindings = { '80/tcp': [{ HostPort: '1' }] }))],
  ['all ports published', anchor((_, host) => (host.PublishAllPorts = true))],
  ['links', anchor((_, host) => (host.Links = ['redis:redis']))],
  ['hosts entries', sandbox((_, host) => (host.ExtraHosts = ['a:1.2.3.4']))],
  ["the host's resolver", anchor((_, host) => (host.Dns = []))],
  // Limits
  ['no memory limit', sandbox((_, host) => (host.Memory = host.MemorySwap = 0))],
  ['negative memory', sandbox((_, host) => (host.Memory = host.MemorySwap = -1))],
  ['too much memory', sandbox((_, host) => (host.Memory = host.MemorySwap = 2 ** 40))],
  ['unlimited swap', sandbox((_, host) => (host.MemorySwap = -1))],
  ['memory as text', sandbox((_, host) => (host.Memory = host.MemorySwap = '1g'))],
  [
    'a number that is infinite',
    sandboxText((json) => json.replace(/"Memory":\d+,"MemorySwap":\d+/, '"Memory":1e999,"MemorySwap":1e999')),
  ],
  ['a number beyond 2^53', sandboxText((json) => json.replace(/"NanoCpus":\d+/, '"NanoCpus":18446744073709551616'))],
  ['NaN', sandboxText((json) => json.replace(/"NanoCpus":\d+/, '"NanoCpus":NaN'))],
  ['no process limit', sandbox((_, host) => delete host.PidsLimit)],
  ['-1 processes', sandbox((_, host) => (host.PidsLimit = -1))],
  ['0 processes', sandbox((_, host) => (host.PidsLimit = 0))],
  ['all processors', sandbox((_, host) => (host.NanoCpus = 0))],
  ['open files without end', sandbox((_, host) => (host.Ulimits = [{ Name: 'nofile', Soft: -1, Hard: -1 }]))],
  ['never killed for memory', sandbox((_, host) => (host.OomScoreAdj = -1000))],
  ['OomKillDisable', sandbox((_, host) => (host.OomKillDisable = true))],
  [
    'a log driver',
    sandbox((_, host) => (host.LogConfig = { Type: 'syslog', Config: { 'syslog-address': 'tcp://1.2.3.4:1' } })),
  ],
  ['restarts', sandbox((_, host) => (host.RestartPolicy = { Name: 'always' }))],
  ['storage options', sandbox((_, host) => (host.StorageOpt = { size: '1T' }))],
  ['a life of years', sandbox((body) => (body.Cmd = ['sleep', '99999999']))],
  // What runs in it, and whose it is
  ['another image', sandbox((body) => (body.Image = 'node:26-bookworm-slim'))],
  ['the image by id', sandbox((body) => (body.Image = `sha256:${'a'.repeat(64)}`))],
  ['another command', sandbox((body) => (body.Cmd = ['sh', '-c', 'id']))],
  ['an entrypoint', sandbox((body) => (body.Entrypoint = ['sh']))],
  ['a health check', sandbox((body) => (body.Healthcheck = { Test: ['CMD', 'id'] }))],
  ['ONBUILD', sandbox((body) => (body.OnBuild = ['RUN id']))],
  ['LD_PRELOAD', sandbox((body) => body.Env.push('LD_PRELOAD=/tmp/x.so'))],
  ['another HOME', sandbox((body) => (body.Env[0] = 'HOME=/'))],
  ['a variable by a line end', sandbox((body) => (body.Env[0] += '\nLD_PRELOAD=/tmp/x'))],
  ['a proxy where nothing leads out', sandbox((body) => body.Env.push('HTTP_PROXY=http://127.0.0.1:3128'))],
  ["another instance's label", sandbox((body) => (body.Labels[CONTAINER_LABELS.instance] += 'x'))],
  ['another role', sandbox((body) => (body.Labels[CONTAINER_LABELS.role] = 'anchor'))],
  ["another pod's label", sandbox((body) => (body.Labels[CONTAINER_LABELS.pod] = targets.pod.podId))],
  ["a label for somebody else's tools", sandbox((body) => (body.Labels['com.docker.compose.project'] = 'x'))],
  ['a label that never expires', sandbox((body) => (body.Labels[CONTAINER_LABELS.expires] = '9999999999999'))],
  [
    'an anchor that forwards elsewhere',
    anchor((body) => (body.Cmd = ['timeout', '300', 'socat', 'TCP-LISTEN:1', 'EXEC:sh'])),
  ],
  ['a terminal', sandbox((body) => (body.Tty = true))],
  ['an unknown key', sandbox((body) => (body.Extra = 1))],
  ['an unknown key with an empty value', sandbox((_, host) => (host.Binds = null))],
  [
    'a sandbox under the name of an anchor',
    (t) =>
      request('POST', createTarget(testProfile(world.config), 'anchor'), {
        body: sandboxBody(t.spare, t.spareAnchorId),
      }),
  ],
  [
    "a name of another instance's",
    (t) => request('POST', `/containers/create?name=${t.otherName}`, { body: sandboxBody(t.spare, t.spareAnchorId) }),
  ],
  ['no name', (t) => request('POST', '/containers/create', { body: sandboxBody(t.spare, t.spareAnchorId) })],
  [
    'two names',
    (t) =>
      request('POST', `${createTarget(t.spare, 'sandbox')}&name=web`, { body: sandboxBody(t.spare, t.spareAnchorId) }),
  ],
  [
    'a platform',
    (t) =>
      request('POST', `${createTarget(t.spare, 'sandbox')}&platform=x`, {
        body: sandboxBody(t.spare, t.spareAnchorId),
      }),
  ],
  [
    'an old API version',
    (t) =>
      request('POST', createTarget(t.spare, 'sandbox').replace('v1.41', 'v1.24'), {
        body: sandboxBody(t.spare, t.spareAnchorId),
      }),
  ],
  // Side services
  ['a service as root', service((body) => (body.User = '0:0'))],
  ['a service as the keeper', service((body) => (body.User = KEEPER_USER))],
  ['a service as whoever its image says', service((body) => delete body.User)],
  ['a service with an entrypoint', service((body) => (body.Entrypoint = ['sh', '-c', 'id']))],
  ['a service of an image that is not allowed', service((body) => (body.Image = 'evil.example/x:1'))],
  ['a service of an image by id', service((body) => (body.Image = `sha256:${'a'.repeat(64)}`))],
  ['a sandbox of an image that is not allowed', sandbox((body) => (body.Image = 'evil.example/x:1'))],
  ['an anchor of an image that a sandbox may have', anchor((body) => (body.Image = 'allowed.example/x:1'))],
  ['a service with a bind mount', service((_, host) => (host.Binds = ['/:/host']))],
  [
    'a service with the sandbox’s volume',
    service(
      (_, host) =>
        (host.Mounts = [
          {
            Type: 'volume',
            Source: podPartName(targets.instance, targets.spare.podId, 'workspace'),
            Target: '/sandbox',
            ReadOnly: false,
          },
        ]),
    ),
  ],
  [
    'a service with the sockets of the way out',
    service(
      (_, host) => (host.Mounts = [{ Type: 'volume', Source: 'devbot_egress', Target: '/run/egress', ReadOnly: true }]),
    ),
  ],
  ['a service with Volumes', service((body) => (body.Volumes = { '/x': {} }))],
  ['a service with a writable root', service((_, host) => (host.ReadonlyRootfs = false))],
  ['a service with a capability', service((_, host) => (host.CapAdd = ['CHOWN']))],
  ['a service that may become root', service((_, host) => (host.SecurityOpt = []))],
  ['a service in the network of the host', service((_, host) => (host.NetworkMode = 'host'))],
  ['a service in a network that leads out', service((_, host) => (host.NetworkMode = 'bridge'))],
  ["a service in another pod's network", service((_, host) => (host.NetworkMode = `container:${targets.anchorId}`))],
  [
    'a service in the network of a sandbox',
    service((_, host) => (host.NetworkMode = `container:${targets.sandboxId}`)),
  ],
  ["a sandbox in a service's network", sandbox((_, host) => (host.NetworkMode = `container:${targets.serviceId}`))],
  [
    'a service that sees the sandbox’s processes',
    service((_, host) => (host.PidMode = `container:${targets.sandboxId}`)),
  ],
  ['a service with a published port', service((_, host) => (host.PortBindings = { '1/tcp': [{ HostPort: '1' }] }))],
  ['a service without a memory limit', service((_, host) => (host.Memory = host.MemorySwap = 0))],
  ['a service with more than SERVICE_MEMORY', service((_, host) => (host.Memory = host.MemorySwap = 2 ** 40))],
  ['a service without a process limit', service((_, host) => (host.PidsLimit = 0))],
  ['a service with all processors', service((_, host) => delete host.NanoCpus)],
  ['a service with more weight', service((_, host) => (host.CpuShares = 1024))],
  ['a sandbox with more weight', sandbox((_, host) => (host.CpuShares = 262_144))],
  ['a service in the host’s cgroups', service((_, host) => (host.CgroupnsMode = 'host'))],
  ['a service whose log has no end', service((_, host) => (host.LogConfig = { Type: 'json-file', Config: {} }))],
  [
    'a service whose log goes elsewhere',
    service((_, host) => (host.LogConfig = { Type: 'syslog', Config: { 'syslog-address': 'tcp://1.2.3.4:1' } })),
  ],
  ['a service whose log is kept by other files', service((_, host) => (host.LogConfig.Config['max-file'] = '1000'))],
  ['a sandbox with a log', sandbox((_, host) => (host.LogConfig = { Type: 'json-file', Config: {} }))],
  ['a service that starts anew', service((_, host) => (host.RestartPolicy = { Name: 'always' }))],
  ['a service with its image’s health check', service((body) => delete body.Healthcheck)],
  ['a service with a health check', service((body) => (body.Healthcheck = { Test: ['CMD', 'id'] }))],
  ['a service with memory over /proc', service((_, host) => (host.Tmpfs['/proc/x'] = host.Tmpfs['/tmp']))],
  ['a service with memory over /', service((_, host) => (host.Tmpfs['/'] = host.Tmpfs['/tmp']))],
  ['a service with memory at a crooked path', service((_, host) => (host.Tmpfs['/a/../b'] = host.Tmpfs['/tmp']))],
  ['a service with memory at a relative path', service((_, host) => (host.Tmpfs.data = host.Tmpfs['/tmp']))],
  ['a service with memory above SERVICE_DISK', service((_, host) => (host.Tmpfs['/more'] = host.Tmpfs['/tmp']))],
  [
    'a service with a hundred small tmpfs',
    service((_, host) => {
      for (let count = 0; count < 100; count += 1)
        host.Tmpfs[`/x${count}`] = host.Tmpfs['/tmp'].replace(/size=\d+,nr_inodes=\d+/, 'size=1,nr_inodes=1')
    }),
  ],
  [
    'a service with root’s memory',
    service((_, host) => (host.Tmpfs['/tmp'] = host.Tmpfs['/tmp'].replace('uid=65534', 'uid=0'))),
  ],
  ['a service with a variable twice', service((body) => body.Env.push('EMPTY=x'))],
  ['a service with a variable without a name', service((body) => body.Env.push('=x'))],
  ['a service with a variable of 2 KB', service((body) => body.Env.push(`A=${'x'.repeat(2000)}`))],
  ['a service with a command of many words', service((body) => (body.Cmd = Array(33).fill('x')))],
  ['a service with a command of two lines', service((body) => (body.Cmd = ['a\nb']))],
  ['a service with a command that is text', service((body) => (body.Cmd = 'sh -c id'))],
  ['a service that is labelled as another', service((body) => (body.Labels[CONTAINER_LABELS.service] = 'other'))],
  ['a service without its name on it', service((body) => delete body.Labels[CONTAINER_LABELS.service])],
  ['a service that is labelled as a sandbox', service((body) => (body.Labels[CONTAINER_LABELS.role] = 'sandbox'))],
  ['a service under the name of a sandbox', service(() => undefined, 'sandbox')],
  ['a service under the name of an anchor', service(() => undefined, 'anchor')],
  ['a service under the name of another', service(() => undefined, 'service-other')],
  [
    'a sandbox under the name of a service',
    (t) => request('POST', createTarget(t.spare, 'service-db-1'), { body: sandboxBody(t.spare, t.spareAnchorId) }),
  ],
  ['an exec in a service as its keeper', exec({ User: KEEPER_USER }, 'serviceId')],
  ['an exec in a service as root', exec({ User: '0' }, 'serviceId')],
  ['the log of a sandbox', plain('GET', (t) => `${get(t)}/logs?stdout=true&stderr=true&tail=10`)],
  ['the log of an anchor', plain('GET', (t) => `/containers/${t.anchorId}/logs?stdout=true&stderr=true&tail=10`)],
  [
    'the log of a foreign container',
    plain('GET', (t) => `/containers/${t.foreignId}/logs?stdout=true&stderr=true&tail=10`),
  ],
  [
    'the whole log of a service',
    plain('GET', (t) => `/containers/${t.serviceId}/logs?stdout=true&stderr=true&tail=all`),
  ],
  [
    'a log without end',
    plain('GET', (t) => `/containers/${t.serviceId}/logs?stdout=true&stderr=true&tail=9&follow=true`),
  ],
  // How a body is written
  ['a twin key by case', sandboxText(inHost('"privileged":true'))],
  ['a key twice', sandboxText(firstKey('"User":"0:0"'))],
  ['a key twice in HostConfig', sandboxText(inHost('"Privileged":true'))],
  ['HostConfig twice', sandboxText((json) => json.replace(/\}$/, ',"HostConfig":{"Privileged":true}}'))],
  ['a key by escape', sandboxText(inHost('"\\u0042inds":["/:/x"]'))],
  ['a key in letters that Go folds', sandboxText(inHost('"Bind\u017f":["/:/x"]'))],
  ['__proto__', sandboxText(firstKey('"__proto__":{"HostConfig":{}}'))],
  ['a byte order mark', sandboxText((json) => `\ufeff${json}`)],
  ['UTF-16', sandboxText((json) => Buffer.from(json, 'utf16le'))],
  [
    'broken UTF-8',
    sandboxText((json) =>
      Buffer.concat([Buffer.from(json.slice(0, -1)), Buffer.from([0x2c, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])]),
    ),
  ],
  ['a second value behind the first', sandboxText((json) => `${json}{"HostConfig":{"Privileged":true}}`)],
  ['a comment', sandboxText((json) => `/**/${json}`)],
  ['deep nesting', sandboxText(firstKey(`"x":${'['.repeat(20_000)}${']'.repeat(20_000)}`))],
  ['an array for a body', sandboxText((json) => `[${json}]`)],
  ['null for a body', sandboxText(() => 'null')],
  ['a body of 70 KB', sandboxText((json) => json + ' '.repeat(70_000))],
  ['no content type', sandboxText((json) => json, ['Content-Type: text/plain'])],
  ['a tar for a body', sandboxText((json) => json, ['Content-Type: application/x-tar'])],
  ['a compressed body', sandboxText((json) => json, ['Content-Encoding: gzip'])],
  // Volumes
  [
    'a volume that is a folder of the host',
    volume((body) => (body.DriverOpts = { type: 'none', o: 'bind', device: '/' })),
  ],
  ['a volume by another driver', volume((body) => (body.Driver = 'nfs'))],
  ['a volume under another name', volume((body) => (body.Name = 'data'))],
  [
    "another instance's volume",
    volume(
      (body) => (body.Name = body.Name.replace('-workspace', '').replace(targets.instance, 'x').concat('-workspace')),
    ),
  ],
  ['a volume without labels', volume((body) => delete body.Labels)],
  ['a cluster volume', volume((body) => (body.ClusterVolumeSpec = {}))],
  ['removal of a foreign volume', plain('DELETE', () => '/volumes/data')],
  ['removal of all volumes', plain('POST', () => '/volumes/prune')],
  // Processes
  ['an exec as root', exec({ User: '0' })],
  ['an exec as nobody named', exec({ User: undefined })],
  ['an exec as root by group', exec({ User: '65534:0' })],
  ['a privileged exec', exec({ Privileged: true })],
  ['a privileged exec by case', exec({ privileged: true })],
  ['an exec with variables', exec({ Env: ['LD_PRELOAD=/tmp/x'] })],
  ['an exec in a folder the sandbox made', exec({ WorkingDir: '/sandbox/workspace/../../proc/self/fd/7' })],
  ['an exec with detach keys', exec({ DetachKeys: 'ctrl-a' })],
  ['an exec with a terminal', exec({ Tty: true })],
  ['an exec with NUL', exec({ Cmd: ['a\0b'] })],
  ['an exec with no command', exec({ Cmd: [] })],
  ['an exec with a command that is text', exec({ Cmd: 'id' })],
  ['an exec in a foreign container', exec({}, 'foreignId')],
  ["an exec in another instance's container", exec({}, 'otherId')],
  ['an exec in a container with borrowed labels', exec({}, 'disguisedId')],
  ['an exec in an anchor as its keeper', exec({ User: KEEPER_USER }, 'anchorId')],
  ['a start of a foreign exec', start('foreign')],
  ['a start of an exec that an operator made as root', start('root')],
  ['a detached start', start('own', { body: { Detach: true } })],
  ['a start with a terminal', start('own', { body: { Tty: true } })],
  ['a start without upgrade', start('own', { headers: ['Connection: close'] })],
  ['a start with h2c', start('own', { headers: ['Connection: Upgrade', 'Upgrade: h2c'] })],
  [
    'a start with h2c settings',
    start('own', { headers: ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'] }),
  ],
  [
    'a start with a chunked body',
    start('own', { rawBody: '2\r\n{}\r\n0\r\n\r\n', headers: [...UPGRADE, 'Transfer-Encoding: chunked'] }),
  ],
  ['an exec of an unknown id', plain('POST', () => `/exec/${'b'.repeat(64)}/start`, { body: {}, headers: UPGRADE })],
  ['a resize', plain('POST', (t) => `/exec/${t.execs.own}/resize?h=1&w=1`)],
  // Other calls
  ...[
    ['POST', '/build?remote=http://1.2.3.4/'],
    ['POST', '/build/prune'],
    ['POST', '/commit?container=x'],
    ['POST', '/images/load'],
    ['POST', '/images/create?fromSrc=-&tag=x'],
    ['POST', '/images/create?fromImage=busybox&tag=latest'],
    ['POST', `/images/create?fromImage=debian&tag=bookworm-slim&platform=x`],
    ['POST', `/images/create?fromImage=debian&tag=`],
    ['POST', `/images/${TEST_IMAGE}/tag?repo=a`],
    ['POST', `/images/${TEST_IMAGE}/push`],
    ['DELETE', `/images/${TEST_IMAGE}`],
    ['GET', '/images/json'],
    ['GET', '/images/node:26-bookworm-slim/json'],
    ['GET', '/images/evil.example/x:1/json'],
    ['POST', '/images/create?fromImage=evil.example%2Fx&tag=1'],
    ['POST', `/images/create?fromImage=evil.example%2Fx&tag=sha256%3A${'a'.repeat(64)}`],
    ['POST', '/images/create?fromImage=allowed.example.evil%2Fx&tag=1'],
    ['GET', `/images/${TEST_IMAGE}/get`],
    ['POST', '/swarm/init'],
    ['POST', '/plugins/pull?remote=x'],
    ['GET', '/plugins'],
    ['GET', '/events'],
    ['GET', '/info'],
    ['GET', '/system/df'],
    ['POST', '/auth'],
    ['POST', '/session'],
    ['POST', '/grpc'],
    ['GET', '/networks'],
    ['POST', '/networks/create'],
    ['GET', '/secrets'],
    ['GET', '/services'],
    ['GET', '/distribution/x/json'],
    ['POST', '/containers/prune'],
    ['GET', '/containers/json'],
    ['GET', '/containers/json?all=true'],
    ['GET', `/containers/json?filters=${encodeURIComponent('{"label":["a"]}')}`],
    ['GET', `/containers/json?filters=${encodeURIComponent('{"label":["dev.devbot.instance=other"]}')}`],
    ['GET', `/containers/json?filters=${encodeURIComponent('{"label":["dev.devbot.instance"],"name":["x"]}')}`],
    ['GET', `/containers/json?filters=${encodeURIComponent('{"label":["dev.devbot.instance"],"Label":[]}')}`],
    ['GET', '/volumes'],
    ['TRACE', '/_ping'],
    ['OPTIONS', '/_ping'],
  ].map(([method = '', target = '']): [string, () => Buffer] => [`${method} ${target}`, () => request(method, target)]),
  ...['attach', 'archive?path=/', 'export', 'logs', 'top', 'stats', 'changes', 'json?size=true'].map(
    (call): [string, (t: Targets) => Buffer] => [`GET .../${call}`, plain('GET', (t) => `${get(t)}/${call}`)],
  ),
  ...[
    'attach',
    'stop',
    'kill',
    'restart',
    'pause',
    'rename?name=web',
    'update',
    'wait',
    'copy',
    'start?detachKeys=x',
  ].map((call): [string, (t: Targets) => Buffer] => [`POST .../${call}`, plain('POST', (t) => `${get(t)}/${call}`)]),
  ['an upload', plain('PUT', (t) => `${get(t)}/archive?path=/`)],
  // Others' containers
  ['a look at a foreign container', plain('GET', (t) => `/containers/${t.foreignId}/json`)],
  ['a look at it by name', plain('GET', (t) => `/containers/${t.instance}-foreign/json`)],
  ["a look at another instance's", plain('GET', (t) => `/containers/${t.otherName}/json`)],
  ['a look at a container with borrowed labels', plain('GET', (t) => `/containers/${t.disguisedId}/json`)],
  ['a start of a foreign container', plain('POST', (t) => `/containers/${t.foreignId}/start`)],
  ['removal of a foreign container', plain('DELETE', (t) => `/containers/${t.foreignId}?force=true`)],
  ["removal of another instance's that expired today", plain('DELETE', (t) => `/containers/${t.otherId}?force=true`)],
  ["removal of another instance's by name", plain('DELETE', (t) => `/containers/${t.otherName}?force=true`)],
  ['removal of a container with borrowed labels', plain('DELETE', (t) => `/containers/${t.disguisedId}?force=true`)],
  ['removal by the beginning of an id', plain('DELETE', (t) => `/containers/${t.foreignId.slice(0, 12)}`)],
  // Targets
  ['removal with links', plain('DELETE', (t) => `${get(t)}?link=true`)],
  ['removal with a key twice', plain('DELETE', (t) => `${get(t)}?force=true&force=false`)],
  ['a key in another case', plain('DELETE', (t) => `${get(t)}?Force=true`)],
  ['a semicolon in the query', plain('DELETE', (t) => `${get(t)}?v=true;link=true`)],
  ['an encoded path', plain('DELETE', (t) => get(t).replace('/c', '/%63'))],
  ['an encoded slash', plain('DELETE', (t) => get(t).replace('s/', 's%2f'))],
  ['two slashes', plain('DELETE', (t) => `/${get(t)}`)],
  ['a slash at the end', plain('DELETE', (t) => `${get(t)}/`)],
  ['a path that goes up', plain('POST', (t) => `/images/x/../../containers/${t.sandboxId}/start`)],
  ['a path that stays', plain('DELETE', (t) => `/.${get(t)}`)],
  ['an absolute target', plain('DELETE', (t) => `http://docker${get(t)}`)],
  ['a fragment', plain('DELETE', (t) => `${get(t)}#x`)],
  ['a backslash', plain('DELETE', (t) => get(t).replace('/c', '\\c'))],
  ['a tab in the target', plain('DELETE', (t) => get(t).replace('/c', '/\tc'))],
  ['a letter beyond ASCII', plain('DELETE', (t) => get(t).replace('/c', '/\u00e7'))],
  ['a long target', plain('GET', (t) => `${get(t)}/${'x'.repeat(20_000)}`)],
  ['CONNECT', raw(() => 'CONNECT docker:80 HTTP/1.1\r\nHost: docker\r\n\r\n')],
  // HTTP
  ['HTTP/1.0', raw((t) => removal(t).replace('1.1', '1.0'))],
  ['HTTP/2', raw(() => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
  ['no Host', raw((t) => removal(t).replace('Host: docker\r\n', ''))],
  ['an upgrade of another call', plain('DELETE', get, { headers: [...UPGRADE] })],
  ['a body of a removal', plain('DELETE', get, { body: {} })],
  [
    'both lengths',
    raw((t) => removal(t).replace('\r\n\r\n', '\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')),
  ],
  ['two lengths', raw((t) => removal(t).replace('\r\n\r\n', '\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n'))],
  ['a negative length', raw((t) => removal(t).replace('\r\n\r\n', '\r\nContent-Length: -1\r\n\r\n'))],
  [
    'a chunked body',
    plain('POST', () => '/volumes/create', {
      rawBody: '2\r\n{}\r\n0\r\n\r\n',
      headers: ['Transfer-Encoding: chunked'],
    }),
  ],
  [
    'an odd coding',
    plain('POST', () => '/volumes/create', { rawBody: '{}', headers: ['Transfer-Encoding: xchunked'] }),
  ],
  [
    'a chunk size that overflows',
    plain('POST', () => '/volumes/create', {
      rawBody: '10000000000000002\r\n{}\r\n0\r\n\r\n',
      headers: ['Transfer-Encoding: chunked'],
    }),
  ],
  ['Expect', plain('DELETE', get, { headers: ['Expect: 100-continue'] })],
  ['Trailer', plain('DELETE', get, { headers: ['Trailer: X-Registry-Auth'] })],
  ['a hop-by-hop trick', plain('DELETE', get, { headers: ['Connection: close, Content-Length'] })],
  [
    'registry credentials',
    plain('POST', () => '/images/create?fromImage=debian&tag=bookworm-slim', { headers: ['X-Registry-Auth: e30='] }),
  ],
  ['a header by a bare line end', plain('DELETE', get, { headers: ['Accept: a\nX-Registry-Auth: b'] })],
  ['a folded header', plain('DELETE', get, { headers: ['Accept: a\r\n folded'] })],
  ['a header with NUL', plain('DELETE', get, { headers: ['Accept: a\0b'] })],
  ['a space before the colon', plain('DELETE', get, { headers: ['Accept : a'] })],
  ['headers of 20 KB', plain('DELETE', get, { headers: [`Accept: ${'x'.repeat(20_000)}`] })],
  ['a second request on a connection', raw((t) => `GET /images/x/json HTTP/1.1\r\nHost: a\r\n\r\n${removal(t)}`)],
]

describe.skipIf(!hasEngine)('docker-gate and a hostile worker', () => {
  beforeAll(async () => {
    world = await startGateWorld()
    targets = await makeTargets()
    world.relay.takeChanges()
  })
  afterAll(() => world?.stop())

  it.each(HOSTILE)('refuses %s, and the engine hears nothing of it', async (_what, bytesOf) => {
    const answer = await sendRaw(world.socketPath, bytesOf(targets))
    expect(world.relay.takeChanges()).toEqual([])
    expect(answer.status === undefined || (answer.status >= 400 && answer.status < 500), answer.text).toBe(true)
    if (answer.status !== undefined && answer.text.includes('application/json')) expect(answer.message).not.toBe('')
    expect(answer.text).not.toMatch(/GraphDriver|HostConfig"/)
  })

  it('says the same of a foreign container and of one that is not there', async () => {
    const [foreign, absent] = await Promise.all(
      [targets.foreignId, 'c'.repeat(64)].map((id) =>
        sendRaw(world.socketPath, request('GET', `/containers/${id}/json`)),
      ),
    )
    expect(foreign?.status).toBe(404)
    expect(foreign?.message).toBe(absent?.message)
  })

  it('takes what follows an exec start for the process input, never for a request', async () => {
    const made = await world.gate.getContainer(targets.sandboxId).exec({
      Cmd: ['cat'],
      User: SANDBOX_USER,
      WorkingDir: '/',
      AttachStdin: true,
      AttachStdout: true,
    })
    world.relay.takeChanges()
    const start = request('POST', `/exec/${made.id}/start`, { body: {}, headers: UPGRADE })
    const smuggled = removal(targets)
    const stream = await world.gate.getContainer(targets.sandboxId).inspect()
    expect(stream.State.Running).toBe(true)
    const answer = await sendRawThenEnd(Buffer.concat([start, Buffer.from(smuggled)]))
    expect(answer).toMatch(/^HTTP\/1\.1 101 /)
    expect(answer).toContain(smuggled)
    expect(world.relay.takeChanges()).toEqual([`POST /exec/${made.id}/start HTTP/1.1`])
    expect((await world.gate.getContainer(targets.sandboxId).inspect()).State.Running).toBe(true)
  })

  it('closes a connection on which a second request comes before the first was answered', async () => {
    const answer = await sendRaw(
      world.socketPath,
      Buffer.from(`GET /version HTTP/1.1\r\nHost: a\r\n\r\n${removal(targets)}`),
    )
    expect(answer.text.match(/HTTP\/1\.1/g)?.length ?? 0).toBeLessThan(2)
    expect(world.relay.takeChanges()).toEqual([])
  })

  it('lets the worker see and remove what another instance left more than a day ago, and nothing else of it', async () => {
    const old = testProfile(
      { ...world.config, instance: `${targets.instance}-old` },
      { expiresAtMs: Date.now() - 2 * DAY_MS },
    )
    const name = podPartName(old.spec.instance, old.podId, 'sandbox')
    const id = await world.makeForeign(name, sandboxBody(old, targets.anchorId).Labels)
    const filters = { label: [CONTAINER_LABELS.instance] }
    const listed = (await world.gate.listContainers({ all: true, filters })).map(({ Id }) => Id)
    expect(listed).toContain(id)
    for (const hidden of [targets.otherId, targets.foreignId, targets.disguisedId]) expect(listed).not.toContain(hidden)
    await expect(world.gate.getContainer(id).inspect()).rejects.toMatchObject({ statusCode: 404 })
    await world.gate.getContainer(id).remove({ force: true })
    await expect(world.engine.getContainer(id).inspect()).rejects.toMatchObject({ statusCode: 404 })
  })

  it('has left everything as it was, and still takes the body that all of these were made from', async () => {
    const { foreignId, otherId, disguisedId, sandboxId, anchorId, serviceId } = targets
    for (const id of [foreignId, otherId, disguisedId, sandboxId, anchorId, serviceId]) {
      const { State, RestartCount } = await world.engine.getContainer(id).inspect()
      expect([State.Running, RestartCount]).toEqual([true, 0])
    }
    const all = await world.engine.listContainers({ all: true, filters: { name: [targets.instance] } })
    expect(all).toHaveLength(7)
    const { Volumes } = await world.engine.listVolumes({ filters: { name: [targets.instance] } })
    expect(Volumes ?? []).toEqual([])
    const unchanged: readonly [(t: Targets) => Buffer, number][] = [
      [sandbox(() => undefined), 201],
      [anchor(() => undefined), 201],
      [service(() => undefined), 201],
      [exec({}, 'serviceId'), 201],
      [volume(() => undefined), 201],
      [exec({}), 201],
      [exec({ User: KEEPER_USER }), 201],
      [exec({}, 'anchorId'), 201],
      [raw(removal), 204],
    ]
    for (const [bytesOf, status] of unchanged) {
      expect(await sendRaw(world.socketPath, bytesOf(targets))).toMatchObject({ status })
    }
  })
})

/** Sends and half-closes: what echoes it ends then. */
async function sendRawThenEnd(bytes: Buffer): Promise<string> {
  const socket = connect({ path: world.socketPath, allowHalfOpen: true })
  socket.end(bytes)
  return await text(socket)
}
