import {
  CONTAINER_LABELS,
  type ContainerRole,
  EGRESS_PORT,
  EGRESS_SOCKET_FOLDER,
  KEEPER_USER,
  podPartName,
  SANDBOX_PATHS,
  SANDBOX_USER,
  type SideService,
} from '@devbot/contracts'
import type { SandboxSpec } from '../sandbox.ts'

/**
 * What the engine is asked for, as pure values: the whole containment of a sandbox can be read here. docker-gate refuses
 * any other body.
 */
export type PodProfile = {
  readonly podId: string
  readonly spec: SandboxSpec
  readonly sandboxImage: string
  readonly anchorImage: string
  readonly runtime: string
  /** Whether the workspace is memory (tmpfs) or a volume. */
  readonly workspace: 'memory' | 'volume'
  /** What the sandbox's first process is: `busybox` for an image that has no sleep but as a part of that. */
  readonly keeper: 'sleep' | 'busybox'
  /** The volume with the egress-proxy's sockets; absent: no way out. */
  readonly egressVolume?: string
  readonly services: readonly PodService[]
  /** Of each side service; CPUs and processes are the sandbox's own. */
  readonly serviceLimits: ServiceLimits
  readonly expiresAtMs: number
}

/** A side service, with the folders that its image declares as volumes. */
export type PodService = SideService & { readonly volumes: readonly string[] }
export type ServiceLimits = { readonly memoryBytes: number; readonly diskBytes: number }

const MIB = 1024 ** 2
/** An anchor holds a namespace and, with a way out, one socat and a child per connection. */
const ANCHOR_LIMITS = { memoryBytes: 64 * MIB, cpus: 0.5, processes: 128 }
/** Connections a sandbox may have open at once. */
const MAX_EGRESS_CONNECTIONS = 64
/** Enough for bundlers and test runners, not for the million that an engine gives. */
const MAX_OPEN_FILES = 16_384
/** A quarter of SANDBOX_DISK is /tmp, the rest workspace, home and scratch. */
const TEMPORARY_SHARE = 4
/** One inode for 8 KiB: 2 GiB hold 262,144 files, several times what a large node_modules has. */
const BYTES_PER_INODE = 8 * 1024
const SHARED_MEMORY_BYTES = 64 * MIB
/**
 * Where every side service may write beside /tmp and what its image declares as volumes: its sockets and process ids. A
 * file system in memory hides what the image has in /run, so the folders that servers expect below it are there, too.
 */
const SERVICE_RUN_PATHS = ['/run', '/run/lock', '/run/mysqld', '/run/postgresql'] as const
/** Of each of those: a socket and a few process ids. */
const SERVICE_RUN_BYTES = 4 * MIB
/** Kept of a service's output on the engine's disk, in two files of half that. */
const SERVICE_LOG = { Type: 'json-file', Config: { 'max-file': '2', 'max-size': '512k' } }
/** A quarter of the weight that others on the machine have: when all want the processors, DevBot's own services go first. */
const CPU_SHARES = 256

export function labelsFor(profile: PodProfile, role: ContainerRole): Readonly<Record<string, string>> {
  const { spec } = profile
  return {
    [CONTAINER_LABELS.instance]: spec.instance,
    [CONTAINER_LABELS.pod]: profile.podId,
    [CONTAINER_LABELS.role]: role,
    [CONTAINER_LABELS.purpose]: spec.purpose,
    [CONTAINER_LABELS.task]: spec.taskId,
    [CONTAINER_LABELS.run]: spec.runId,
    [CONTAINER_LABELS.epoch]: String(spec.epoch),
    [CONTAINER_LABELS.expires]: String(profile.expiresAtMs),
  }
}

/** A service's labels say its name as well. */
function serviceLabels(profile: PodProfile, { name }: SideService): Readonly<Record<string, string>> {
  return { ...labelsFor(profile, 'service'), [CONTAINER_LABELS.service]: name }
}

/** Owns the pod's network namespace, which has nothing but loopback, and forwards one loopback port to the egress-proxy. */
export function anchorBody(profile: PodProfile) {
  const { egressVolume } = profile
  const mounts = [
    ...(egressVolume === undefined
      ? []
      : [{ Type: 'volume', Source: egressVolume, Target: EGRESS_SOCKET_FOLDER, ReadOnly: true }]),
    // The engine gives a new volume the owner that the folder has in the image: ours is the sandbox user's there.
    ...(profile.workspace === 'volume' ? [workspaceMount(profile)] : []),
  ]
  return {
    Image: profile.anchorImage,
    Entrypoint: [],
    Cmd: anchorCommand(profile),
    User: KEEPER_USER,
    WorkingDir: '/',
    Env: [],
    Hostname: 'sandbox',
    Labels: labelsFor(profile, 'anchor'),
    StopSignal: 'SIGKILL',
    Healthcheck: NO_HEALTHCHECK,
    HostConfig: {
      ...hardened(profile, ANCHOR_LIMITS),
      LogConfig: NO_LOG,
      NetworkMode: 'none',
      // Nobody answers there: what looks up a name is told so at once, and learns nothing of the host's resolver.
      Dns: ['127.0.0.1'],
      Mounts: mounts,
    },
  }
}

function anchorCommand({ podId, egressVolume, spec }: PodProfile): readonly string[] {
  if (egressVolume === undefined) return ['sleep', lifetimeSeconds(spec)]
  return [
    'timeout',
    lifetimeSeconds(spec),
    'socat',
    `TCP-LISTEN:${EGRESS_PORT},bind=127.0.0.1,reuseaddr,fork,max-children=${MAX_EGRESS_CONNECTIONS}`,
    `UNIX-CONNECT:${EGRESS_SOCKET_FOLDER}/${podId}.sock`,
  ]
}

/** Where untrusted code runs. Its first process only waits; everything else is an exec as the sandbox user. */
export function sandboxBody(profile: PodProfile, anchorId: string) {
  const { spec, workspace } = profile
  const temporaryBytes = Math.floor(spec.limits.diskBytes / TEMPORARY_SHARE)
  const memoryDiskBytes = workspace === 'memory' ? spec.limits.diskBytes : temporaryBytes
  return {
    Image: profile.sandboxImage,
    Entrypoint: [],
    // Ends by itself when nobody removes it: a worker that is gone leaves nothing that runs for ever.
    Cmd: [...(profile.keeper === 'busybox' ? ['busybox'] : []), 'sleep', lifetimeSeconds(spec)],
    User: KEEPER_USER,
    WorkingDir: '/',
    Env: sandboxEnvironment(profile),
    Labels: labelsFor(profile, 'sandbox'),
    StopSignal: 'SIGKILL',
    Healthcheck: NO_HEALTHCHECK,
    HostConfig: {
      ...hardened(profile, {
        // A full file system in memory must leave the processes the memory they were promised.
        memoryBytes: spec.limits.memoryBytes + memoryDiskBytes,
        cpus: spec.limits.cpus,
        processes: spec.limits.processes,
      }),
      LogConfig: NO_LOG,
      NetworkMode: `container:${anchorId}`,
      ShmSize: SHARED_MEMORY_BYTES,
      Tmpfs: {
        [SANDBOX_PATHS.temporary]: tmpfsOptions(temporaryBytes, '1777'),
        ...(workspace === 'memory' && {
          [SANDBOX_PATHS.root]: tmpfsOptions(spec.limits.diskBytes - temporaryBytes, '0700'),
        }),
      },
      Mounts: workspace === 'volume' ? [workspaceMount(profile)] : [],
    },
  }
}

/**
 * A program beside the tests: its image's own start, or the policy's command. The same user as what runs in the sandbox, as
 * every image knows it; neither sees the other's processes and files, only the loopback is common to both. It writes to
 * memory, so each one starts empty, and knows of no way out.
 */
export function serviceBody(profile: PodProfile, anchorId: string, service: PodService) {
  const { spec, serviceLimits } = profile
  return {
    Image: service.image,
    ...(service.command && { Cmd: [...service.command] }),
    User: SANDBOX_USER,
    Env: Object.entries(service.env).map(([name, value]) => `${name}=${value}`),
    Labels: serviceLabels(profile, service),
    StopSignal: 'SIGKILL',
    Healthcheck: NO_HEALTHCHECK,
    HostConfig: {
      ...hardened(profile, {
        memoryBytes: serviceLimits.memoryBytes + serviceLimits.diskBytes,
        cpus: spec.limits.cpus,
        processes: spec.limits.processes,
      }),
      // Its last lines say why it did not come up.
      LogConfig: SERVICE_LOG,
      NetworkMode: `container:${anchorId}`,
      ShmSize: SHARED_MEMORY_BYTES,
      Tmpfs: serviceTmpfs(service.volumes, serviceLimits.diskBytes),
      Mounts: [],
    },
  }
}

/** /tmp and the image's volumes share the disk evenly, after the few bytes of /run. */
function serviceTmpfs(volumes: readonly string[], diskBytes: number): Readonly<Record<string, string>> {
  const own: readonly string[] = [SANDBOX_PATHS.temporary, ...SERVICE_RUN_PATHS]
  const folders = [...new Set(volumes.map((path) => path.replace(/\/+$/, '')))].filter((path) => !own.includes(path))
  const runBytes = SERVICE_RUN_PATHS.length * SERVICE_RUN_BYTES
  const bytes = Math.floor((diskBytes - runBytes) / (folders.length + 1))
  return Object.fromEntries([
    [SANDBOX_PATHS.temporary, tmpfsOptions(bytes, '1777')],
    ...SERVICE_RUN_PATHS.map((path) => [path, tmpfsOptions(SERVICE_RUN_BYTES, '0755')]),
    ...folders.map((path) => [path, tmpfsOptions(bytes, '0700')]),
  ])
}

function sandboxEnvironment({ egressVolume }: PodProfile): readonly string[] {
  const proxy = `http://127.0.0.1:${EGRESS_PORT}`
  return [
    `HOME=${SANDBOX_PATHS.home}`,
    `TMPDIR=${SANDBOX_PATHS.temporary}`,
    'USER=devbot',
    'LANG=C.UTF-8',
    ...(egressVolume === undefined
      ? []
      : [
          `HTTP_PROXY=${proxy}`,
          `HTTPS_PROXY=${proxy}`,
          `http_proxy=${proxy}`,
          `https_proxy=${proxy}`,
          'NO_PROXY=localhost,127.0.0.1,::1',
          'no_proxy=localhost,127.0.0.1,::1',
          // Node's own fetch and http look at the proxy variables only when told to.
          'NODE_USE_ENV_PROXY=1',
        ]),
  ]
}

const NO_LOG = { Type: 'none', Config: {} }
/** An image's own would be run by the engine, as the container's user, again and again. */
const NO_HEALTHCHECK = { Test: ['NONE'] }

type Limits = { readonly memoryBytes: number; readonly cpus: number; readonly processes: number }

function hardened({ runtime }: PodProfile, limits: Limits) {
  return {
    Init: true,
    ReadonlyRootfs: true,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    Privileged: false,
    IpcMode: 'private',
    CgroupnsMode: 'private',
    Runtime: runtime,
    Memory: limits.memoryBytes,
    // Equal to the memory: no swap.
    MemorySwap: limits.memoryBytes,
    NanoCpus: Math.round(limits.cpus * 1e9),
    CpuShares: CPU_SHARES,
    PidsLimit: limits.processes,
    // When the whole machine runs out of memory, a sandbox goes first.
    OomScoreAdj: 500,
    Ulimits: [
      { Name: 'nofile', Soft: MAX_OPEN_FILES, Hard: MAX_OPEN_FILES },
      { Name: 'core', Soft: 0, Hard: 0 },
    ],
    RestartPolicy: { Name: 'no' },
    AutoRemove: false,
  }
}

function tmpfsOptions(bytes: number, mode: string): string {
  const inodes = Math.ceil(bytes / BYTES_PER_INODE)
  return `rw,exec,nosuid,nodev,size=${bytes},nr_inodes=${inodes},uid=65534,gid=65534,mode=${mode}`
}

function workspaceMount({ podId, spec }: PodProfile) {
  return {
    Type: 'volume',
    Source: podPartName(spec.instance, podId, 'workspace'),
    Target: SANDBOX_PATHS.root,
    ReadOnly: false,
  }
}

export function volumeBody(profile: PodProfile) {
  return {
    Name: podPartName(profile.spec.instance, profile.podId, 'workspace'),
    Driver: 'local',
    Labels: labelsFor(profile, 'workspace'),
  }
}

function lifetimeSeconds(spec: SandboxSpec): string {
  return String(Math.ceil(spec.limits.maxMinutes * 60))
}
