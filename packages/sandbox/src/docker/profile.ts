import {
  CONTAINER_LABELS,
  type ContainerRole,
  EGRESS_PORT,
  EGRESS_SOCKET_FOLDER,
  KEEPER_USER,
  podPartName,
  SANDBOX_PATHS,
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
  readonly expiresAtMs: number
}

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
    HostConfig: {
      ...hardened(profile, ANCHOR_LIMITS),
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
    HostConfig: {
      ...hardened(profile, {
        // A full file system in memory must leave the processes the memory they were promised.
        memoryBytes: spec.limits.memoryBytes + memoryDiskBytes,
        cpus: spec.limits.cpus,
        processes: spec.limits.processes,
      }),
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

type Limits = { readonly memoryBytes: number; readonly cpus: number; readonly processes: number }

function hardened({ runtime }: PodProfile, limits: Limits) {
  return {
    Init: true,
    ReadonlyRootfs: true,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    Privileged: false,
    IpcMode: 'private',
    Runtime: runtime,
    Memory: limits.memoryBytes,
    // Equal to the memory: no swap.
    MemorySwap: limits.memoryBytes,
    NanoCpus: Math.round(limits.cpus * 1e9),
    PidsLimit: limits.processes,
    // When the whole machine runs out of memory, a sandbox goes first.
    OomScoreAdj: 500,
    Ulimits: [
      { Name: 'nofile', Soft: MAX_OPEN_FILES, Hard: MAX_OPEN_FILES },
      { Name: 'core', Soft: 0, Hard: 0 },
    ],
    LogConfig: { Type: 'none', Config: {} },
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
