import {
  CONTAINER_LABELS,
  EGRESS_PORT,
  EGRESS_SOCKET_FOLDER,
  isImageAllowed,
  KEEPER_USER,
  podPartName,
  SANDBOX_PATHS,
  SANDBOX_USER,
  taskIdSchema,
} from '@devbot/contracts'
import { z } from 'zod'
import { checkSchema } from './check-schema.ts'
import type { ProfileLimits } from './config.ts'
import type { PodPart } from './part-name.ts'
import { forbidden } from './refusal.ts'

/*
 * The containment of a sandbox, a second time: written apart from packages/sandbox/src/docker/profile.ts, so that a slip
 * there is refused here. Every object is closed, every value fixed or bounded; a key that is not here does not pass.
 */

const MIB = 1024 ** 2
/** The engine's own least; 0 would mean no limit. */
const MIN_MEMORY_BYTES = 6 * MIB
const ANCHOR = { memoryBytes: 64 * MIB, nanoCpus: 5e8, processes: 128 }
const MAX_OPEN_FILES = 16_384
const MAX_EGRESS_CONNECTIONS = 64
/** MAX_MINUTES goes up to a day; as much again for what a run does around its turns. */
const MAX_LIFETIME_SECONDS = 2 * 24 * 60 * 60
/** An inode for every 8 KiB. */
const BYTES_PER_INODE = 8 * 1024
/** Of a side service: /tmp, four folders in /run, and what an image may declare. */
const MAX_SERVICE_FOLDERS = 24

const seconds = z
  .string()
  .regex(/^[1-9]\d{0,5}$/)
  .refine((text) => Number(text) <= MAX_LIFETIME_SECONDS, `more than ${MAX_LIFETIME_SECONDS} seconds`)
const sleep = z.tuple([z.literal('sleep'), seconds])
/** In an image whose sleep is a part of busybox. */
const busyboxSleep = z.tuple([z.literal('busybox'), z.literal('sleep'), seconds])
const none = z.tuple([])

/** The labels of one part of a pod of ours, each with its grammar. `nowMs` bounds how long nobody else may tidy it up. */
export function labelsSchema(part: PodPart, nowMs: number) {
  const common = {
    [CONTAINER_LABELS.instance]: z.literal(part.instance),
    [CONTAINER_LABELS.pod]: z.literal(part.podId),
    [CONTAINER_LABELS.role]: z.literal(part.role),
    [CONTAINER_LABELS.purpose]: z.enum(['agent', 'check']),
    [CONTAINER_LABELS.task]: taskIdSchema,
    [CONTAINER_LABELS.run]: z.string().regex(/^[A-Za-z0-9-]{1,64}$/),
    [CONTAINER_LABELS.epoch]: z.string().regex(/^\d{1,15}$/),
    [CONTAINER_LABELS.expires]: z
      .string()
      .regex(/^\d{13}$/)
      .refine((text) => Number(text) <= nowMs + 2 * MAX_LIFETIME_SECONDS * 1000, 'too far in the future'),
  }
  if (part.role !== 'service') return z.strictObject(common)
  return z.strictObject({ ...common, [CONTAINER_LABELS.service]: z.literal(part.service) })
}

/** Checks the create body of a container of ours, and returns it as it is sent on. Throws a Refusal. */
export function checkContainerBody(body: unknown, part: PodPart, limits: ProfileLimits, nowMs: number) {
  if (part.role === 'anchor') return checkAnchor(checkSchema(anchorSchema(part, limits, nowMs), body))
  if (part.role === 'service') return checkService(checkSchema(serviceSchema(part, limits, nowMs), body), limits)
  return checkSandbox(checkSchema(sandboxSchema(part, limits, nowMs), body), limits)
}

const imageName = z
  .string()
  .max(255)
  .regex(/^[a-z0-9][\w.-]*(?::\d{1,5})?(?:\/[\w.-]+)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/)
  // An image's own number, whole or cut, names no image that anybody could allow.
  .refine((name) => !/^(?:sha256:.*|[0-9a-f]{12,64})$/.test(name), 'an id is no name')

/** Whether this is the name of an image that a repository may choose. */
export function mayBeChosen(name: string, { imagesAllowed }: Pick<ProfileLimits, 'imagesAllowed'>): boolean {
  return imageName.safeParse(name).success && isImageAllowed(name, imagesAllowed)
}

function chosenImage(limits: ProfileLimits) {
  return imageName.refine((name) => isImageAllowed(name, limits.imagesAllowed), 'not one of IMAGES_ALLOWED')
}

function anchorSchema(part: PodPart, limits: ProfileLimits, nowMs: number) {
  const egressMount = z.strictObject({
    Type: z.literal('volume'),
    Source: limits.egressVolume === undefined ? z.never() : z.literal(limits.egressVolume),
    Target: z.literal(EGRESS_SOCKET_FOLDER),
    ReadOnly: z.literal(true),
  })
  const forward = z.tuple([
    z.literal('timeout'),
    seconds,
    z.literal('socat'),
    z.literal(`TCP-LISTEN:${EGRESS_PORT},bind=127.0.0.1,reuseaddr,fork,max-children=${MAX_EGRESS_CONNECTIONS}`),
    z.literal(`UNIX-CONNECT:${EGRESS_SOCKET_FOLDER}/${part.podId}.sock`),
  ])
  return z.strictObject({
    ...fixed(part, nowMs),
    ...waiting,
    Image: z.literal(limits.anchorImage),
    Cmd: z.union([sleep, forward]),
    Env: none,
    Hostname: z.literal('sandbox'),
    HostConfig: z.strictObject({
      ...hardened(limits),
      LogConfig: noLog,
      NetworkMode: z.literal('none'),
      Dns: z.tuple([z.literal('127.0.0.1')]),
      Memory: atMost(MIN_MEMORY_BYTES, ANCHOR.memoryBytes),
      NanoCpus: atMost(1, ANCHOR.nanoCpus),
      PidsLimit: atMost(1, ANCHOR.processes),
      Mounts: z.union([
        none,
        z.tuple([egressMount]),
        z.tuple([workspaceMount(part)]),
        z.tuple([egressMount, workspaceMount(part)]),
      ]),
    }),
  })
}

type AnchorBody = z.output<ReturnType<typeof anchorSchema>>

function checkAnchor(body: AnchorBody): AnchorBody {
  checkSwap(body.HostConfig)
  const mountsEgress = body.HostConfig.Mounts.some((mount) => mount.Target === EGRESS_SOCKET_FOLDER)
  if (mountsEgress !== (body.Cmd[0] === 'timeout')) throw forbidden('Cmd and Mounts differ about the way out')
  return body
}

function sandboxSchema(part: PodPart, limits: ProfileLimits, nowMs: number) {
  return z.strictObject({
    ...fixed(part, nowMs),
    ...waiting,
    Image: z.union([z.literal(limits.sandboxImage), chosenImage(limits)]),
    Cmd: z.union([sleep, busyboxSleep]),
    Env: environment(limits),
    HostConfig: z.strictObject({
      ...hardened(limits),
      LogConfig: noLog,
      NetworkMode: anchorsNetwork,
      ShmSize: z.literal(64 * MIB),
      Memory: atMost(MIN_MEMORY_BYTES, limits.memoryBytes + limits.diskBytes),
      NanoCpus: atMost(1, Math.round(limits.cpus * 1e9)),
      PidsLimit: atMost(1, limits.processes),
      Tmpfs: z.strictObject({
        [SANDBOX_PATHS.temporary]: tmpfsOptions('1777'),
        [SANDBOX_PATHS.root]: tmpfsOptions('0700').optional(),
      }),
      Mounts: z.union([none, z.tuple([workspaceMount(part)])]),
    }),
  })
}

type SandboxBody = z.output<ReturnType<typeof sandboxSchema>>

function checkSandbox(body: SandboxBody, limits: ProfileLimits): SandboxBody {
  const { Tmpfs, Mounts, Memory } = body.HostConfig
  checkSwap(body.HostConfig)
  const root = Tmpfs[SANDBOX_PATHS.root]
  if ((root === undefined) !== (Mounts.length === 1)) throw forbidden('the workspace is either a tmpfs or a volume')
  const tmpfsBytes = sizeOf(Tmpfs[SANDBOX_PATHS.temporary]) + sizeOf(root)
  if (tmpfsBytes > limits.diskBytes) throw forbidden(`the tmpfs sizes are more than ${limits.diskBytes} together`)
  if (Memory > limits.memoryBytes + tmpfsBytes)
    throw forbidden(`Memory is more than SANDBOX_MEMORY and the tmpfs sizes`)
  return body
}

/** The image's own start or another command, as nobody, writing to memory only, with the environment of the policy. */
function serviceSchema(part: PodPart, limits: ProfileLimits, nowMs: number) {
  return z.strictObject({
    ...fixed(part, nowMs),
    Image: chosenImage(limits),
    Cmd: z.array(line).min(1).max(32).optional(),
    User: z.literal(SANDBOX_USER),
    Env: z
      .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}=[^\0]{0,1000}$/))
      .max(32)
      .refine((list) => new Set(list.map((one) => one.split('=')[0])).size === list.length, 'a variable twice'),
    HostConfig: z.strictObject({
      ...hardened(limits),
      LogConfig: z.strictObject({
        Type: z.literal('json-file'),
        Config: z.strictObject({ 'max-file': z.literal('2'), 'max-size': z.literal('512k') }),
      }),
      NetworkMode: anchorsNetwork,
      ShmSize: z.literal(64 * MIB),
      Memory: atMost(MIN_MEMORY_BYTES, limits.serviceMemoryBytes + limits.serviceDiskBytes),
      NanoCpus: atMost(1, Math.round(limits.cpus * 1e9)),
      PidsLimit: atMost(1, limits.processes),
      Tmpfs: z.record(serviceFolder, tmpfsOptions('1777|0755|0700')),
      Mounts: none,
    }),
  })
}

type ServiceBody = z.output<ReturnType<typeof serviceSchema>>

function checkService(body: ServiceBody, limits: ProfileLimits): ServiceBody {
  const { Tmpfs, Memory } = body.HostConfig
  checkSwap(body.HostConfig)
  const sizes = Object.values(Tmpfs).map(sizeOf)
  if (sizes.length > MAX_SERVICE_FOLDERS) throw forbidden(`more than ${MAX_SERVICE_FOLDERS} tmpfs`)
  const tmpfsBytes = sizes.reduce((sum, bytes) => sum + bytes, 0)
  if (tmpfsBytes > limits.serviceDiskBytes) throw forbidden('the tmpfs sizes are more than SERVICE_DISK together')
  // The few bytes that do not divide evenly are the driver's to give.
  if (Memory > limits.serviceMemoryBytes + limits.serviceDiskBytes)
    throw forbidden('Memory is more than SERVICE_MEMORY and SERVICE_DISK')
  return body
}

const line = z
  .string()
  .min(1)
  .max(1000)
  .refine((text) => !/\p{Cc}/u.test(text), 'a control character')

/** Plain and absolute, nothing that the kernel or the engine mounts itself. */
const serviceFolder = z
  .string()
  .regex(/^(?:\/\.?[A-Za-z0-9_][A-Za-z0-9._-]{0,63}){1,8}$/)
  .refine((path) => !/^\/(?:proc|sys|dev)(?:\/|$)/.test(path), "a folder of the kernel's")

/** Whose container that is gets looked up at the engine. */
const anchorsNetwork = z.string().regex(/^container:[0-9a-f]{64}$/)
const noLog = z.strictObject({ Type: z.literal('none'), Config: z.strictObject({}) })

/** Outside HostConfig, the same for all. */
function fixed(part: PodPart, nowMs: number) {
  return {
    Labels: labelsSchema(part, nowMs),
    StopSignal: z.literal('SIGKILL'),
    Healthcheck: z.strictObject({ Test: z.tuple([z.literal('NONE')]) }),
  }
}

/** Of anchor and sandbox, whose first process is the keeper's and nothing of the image's. */
const waiting = { Entrypoint: none, User: z.literal(KEEPER_USER), WorkingDir: z.literal('/') }

function hardened({ runtime }: ProfileLimits) {
  return {
    Init: z.literal(true),
    ReadonlyRootfs: z.literal(true),
    CapDrop: z.tuple([z.literal('ALL')]),
    SecurityOpt: z.tuple([z.literal('no-new-privileges')]),
    Privileged: z.literal(false),
    IpcMode: z.literal('private'),
    CgroupnsMode: z.literal('private'),
    Runtime: z.literal(runtime),
    MemorySwap: z.int(),
    CpuShares: z.literal(256),
    OomScoreAdj: z.literal(500),
    Ulimits: z.tuple([ulimit('nofile', MAX_OPEN_FILES), ulimit('core', 0)]),
    RestartPolicy: z.strictObject({ Name: z.literal('no') }),
    AutoRemove: z.literal(false),
  }
}

function ulimit(name: string, value: number) {
  return z.strictObject({ Name: z.literal(name), Soft: z.literal(value), Hard: z.literal(value) })
}

/** A limit that is there (0 and less would be none) and not above the configured one. */
function atMost(min: number, max: number) {
  return z.int().min(min).max(max)
}

/** Equal to the memory: no swap. */
function checkSwap({ Memory, MemorySwap }: { readonly Memory: number; readonly MemorySwap: number }): void {
  if (MemorySwap !== Memory) throw forbidden('HostConfig.MemorySwap has to equal Memory')
}

function tmpfsOptions(modes: '1777' | '0700' | '1777|0755|0700') {
  return z
    .string()
    .regex(
      new RegExp(
        `^rw,exec,nosuid,nodev,size=[1-9]\\d{0,14},nr_inodes=[1-9]\\d{0,12},uid=65534,gid=65534,mode=(?:${modes})$`,
      ),
    )
    .refine((text) => inodesOf(text) <= Math.ceil(sizeOf(text) / BYTES_PER_INODE), 'too many inodes for its size')
}

const sizeOf = (options = '') => Number(/,size=(\d+)/.exec(options)?.[1] ?? 0)
const inodesOf = (options: string) => Number(/,nr_inodes=(\d+)/.exec(options)?.[1])

function workspaceMount(part: PodPart) {
  return z.strictObject({
    Type: z.literal('volume'),
    Source: z.literal(podPartName(part.instance, part.podId, 'workspace')),
    Target: z.literal(SANDBOX_PATHS.root),
    ReadOnly: z.literal(false),
  })
}

/** Every variable is a fixed text, there once at most; those about the way out only where there is one. */
function environment({ egressVolume }: ProfileLimits) {
  const proxy = `http://127.0.0.1:${EGRESS_PORT}`
  const plain = [`HOME=${SANDBOX_PATHS.home}`, `TMPDIR=${SANDBOX_PATHS.temporary}`, 'USER=devbot', 'LANG=C.UTF-8']
  const wayOut = [
    ...['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'].map((name) => `${name}=${proxy}`),
    ...['NO_PROXY', 'no_proxy'].map((name) => `${name}=localhost,127.0.0.1,::1`),
    'NODE_USE_ENV_PROXY=1',
  ]
  return z
    .array(z.enum(egressVolume === undefined ? plain : [...plain, ...wayOut]))
    .max(plain.length + wayOut.length)
    .refine((list) => new Set(list).size === list.length, 'a variable twice')
}
