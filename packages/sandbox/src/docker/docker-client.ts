import { Agent } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import { CONTAINER_LABELS, DevBotError } from '@devbot/contracts'
import type Dockerode from 'dockerode'
import { withoutFrames } from './demultiplex.ts'
import { engineError, engineStatus, isNotFound } from './engine-error.ts'
import { readPullProgress } from './pull-progress.ts'

/** Creating a container takes 50 ms, starting one 300; a minute is an engine that hangs. */
const CALL_TIMEOUT_MS = 60_000
/** Engine 20.10, the oldest that is supported. */
const OLDEST_API = [1, 41] as const
/** Forced removals that run already: the engine answers 409, and is done in a moment. */
const REMOVAL_WAIT_MS = 10_000

export type ImageFacts = {
  readonly id: string
  /** Folders that the image declares as volumes. */
  readonly volumes: readonly string[]
}

export type ContainerState = {
  readonly running: boolean
  readonly outOfMemory: boolean
  readonly exitCode: number
}

export type ExecBody = {
  readonly argv: readonly string[]
  readonly user: string
}

/** Something on the engine that carries an instance label. */
export type LabelledThing = {
  /** A container's id, a volume's name. */
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly createdAtMs: number
}

/**
 * The calls DevBot makes to a Docker engine, all of them; docker-gate lets no other through. Every method throws
 * DevBotError `sandbox` as `engineError` describes, and has a deadline. Where a name can be given in place of an id, both work.
 */
export interface DockerClient {
  /** Asks the engine for its version, once. Throws also where it is too old. */
  connect(): Promise<void>
  inspectImage(name: string): Promise<ImageFacts | undefined>
  /** Throws `image-pull-refused` when the registry gives no such image. Ends when the signal aborts. */
  pullImage(name: string, signal: AbortSignal): Promise<void>
  createContainer(name: string, body: object): Promise<string>
  startContainer(id: string): Promise<void>
  /** Undefined when there is none. */
  inspectContainer(id: string): Promise<ContainerState | undefined>
  /** The newest lines that its programs wrote, as text; hostile. Empty when there is no such container. */
  readLog(id: string, maxLines: number): Promise<string>
  /** Kills and removes it, with its anonymous volumes; that it is gone already is success. */
  removeContainer(idOrName: string): Promise<void>
  createExec(containerId: string, body: ExecBody): Promise<string>
  /** The hijacked stream: what is written is stdin, its end is stdin's end; what comes is framed (demultiplex.ts). */
  startExec(execId: string): Promise<Duplex>
  /** Undefined when its container is gone. `exitCode` is undefined while it runs. */
  inspectExec(execId: string): Promise<{ readonly exitCode: number | undefined; readonly running: boolean } | undefined>
  createVolume(body: { readonly Name: string }): Promise<void>
  /** That it is gone already is success. */
  removeVolume(name: string): Promise<void>
  /** Containers of all instances. */
  listContainers(): Promise<readonly LabelledThing[]>
  /** Volumes of all instances. */
  listVolumes(): Promise<readonly LabelledThing[]>
}

/**
 * dockerode's request layer describes the options of every call in full, whether or not anybody wants to see it; with an
 * agent in them that is every socket with all that hangs on it, and took a third of a worker's processor time.
 */
function withoutDescription(agent: Agent): Agent {
  return Object.assign(agent, { [inspect.custom]: () => 'Agent' })
}

/** `dockerHost` is `unix:///path` or `tcp://host:port`. Nothing is asked before the first call. */
export function createDockerClient(dockerHost: string): DockerClient {
  const address = addressOf(dockerHost)
  // One connection per call: one that was kept may have been closed by an engine that restarted.
  const agent = withoutDescription(new Agent({ keepAlive: false }))
  let connection: Promise<Dockerode> | undefined

  async function openConnection(): Promise<Dockerode> {
    // 40 MB and 400 ms: only where sandboxes are really made by Docker.
    const { default: Docker } = await import('dockerode')
    const plain = { ...address, agent }
    const unversioned = new Docker(plain)
    const version = await inTime(unversioned.version(), AbortSignal.timeout(CALL_TIMEOUT_MS))
    const versioned = { ...plain, version: `v${supportedApi(version.ApiVersion)}` }
    return new Docker(versioned)
  }

  async function connected(): Promise<Dockerode> {
    connection ??= openConnection()
    const current = connection
    try {
      return await current
    } catch (error) {
      if (connection === current) connection = undefined
      throw engineError('asking for its version', error, dockerHost)
    }
  }

  async function call<T>(what: string, ask: (docker: Dockerode, abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    const docker = await connected()
    try {
      return await ask(docker, AbortSignal.timeout(CALL_TIMEOUT_MS))
    } catch (error) {
      const translated = engineError(what, error, dockerHost)
      // Perhaps it is another engine when it is there again.
      if (translated.code === 'engine-unreachable') connection = undefined
      throw translated
    }
  }

  async function containerIsGone(idOrName: string): Promise<boolean> {
    return (await client.inspectContainer(idOrName)) === undefined
  }

  const client: DockerClient = {
    async connect() {
      await connected()
    },

    async inspectImage(name) {
      const asked = call(`looking for the image ${name}`, (docker, abortSignal) =>
        inTime(docker.getImage(name).inspect(), abortSignal),
      )
      const image = await unlessMissing(asked)
      return image && { id: image.Id, volumes: Object.keys(image.Config?.Volumes ?? {}) }
    },

    async pullImage(name, signal) {
      const docker = await connected()
      try {
        const options = { _query: pullQuery(name), _body: {}, abortSignal: signal }
        // The types know a callback's stream only.
        const progress = (await docker.createImage(options)) as Readable
        await readPullProgress(progress, name, signal)
      } catch (error) {
        throw engineError(`pulling the image ${name}`, error, dockerHost)
      }
    },

    async createContainer(name, body) {
      // Without `_query` the library puts the whole body into the address as well.
      const container = await call(`creating the container ${name}`, (docker, abortSignal) =>
        docker.createContainer(vendorOptions({ _query: { name }, _body: body, abortSignal })),
      )
      return container.id
    },

    async startContainer(id) {
      await call('starting a container', (docker, abortSignal) => docker.getContainer(id).start({ abortSignal }))
    },

    async inspectContainer(id) {
      const asked = call('looking at a container', (docker, abortSignal) =>
        docker.getContainer(id).inspect({ abortSignal }),
      )
      const state = (await unlessMissing(asked))?.State
      return state && { running: state.Running, outOfMemory: state.OOMKilled, exitCode: state.ExitCode }
    },

    async readLog(id, maxLines) {
      const asked = call("reading a service's log", (docker, abortSignal) =>
        inTime(docker.getContainer(id).logs({ stdout: true, stderr: true, tail: maxLines }), abortSignal),
      )
      // The library gives other things for an empty answer.
      const framed: unknown = await unlessMissing(asked)
      return Buffer.isBuffer(framed) ? withoutFrames(framed).toString('utf8') : ''
    },

    async removeContainer(idOrName) {
      try {
        await call('removing a container', (docker, abortSignal) =>
          docker.getContainer(idOrName).remove({ force: true, v: true, ...{ abortSignal } }),
        )
      } catch (error) {
        if (isNotFound(error)) return
        if (engineStatus(error) !== 409 || !(await within(REMOVAL_WAIT_MS, () => containerIsGone(idOrName))))
          throw error
      }
    },

    async createExec(containerId, { argv, user }) {
      const exec = await call('preparing a process', (docker, abortSignal) =>
        docker.getContainer(containerId).exec({
          Cmd: [...argv],
          User: user,
          WorkingDir: '/',
          AttachStdin: true,
          AttachStdout: true,
          AttachStderr: true,
          abortSignal,
        }),
      )
      return exec.id
    },

    startExec(execId) {
      return call('starting a process', (docker, abortSignal) => {
        // No signal for the library: once the stream is there, its end would cut it.
        const options = { hijack: true, stdin: true, _body: { Detach: false, Tty: false } }
        return inTime(docker.getExec(execId).start(options), abortSignal, (late) => late.destroy())
      })
    },

    async inspectExec(execId) {
      const asked = call('looking at a process', (docker, abortSignal) =>
        docker.getExec(execId).inspect({ abortSignal }),
      )
      const exec = await unlessMissing(asked)
      return exec && { running: exec.Running, exitCode: exec.Running ? undefined : (exec.ExitCode ?? undefined) }
    },

    async createVolume(body) {
      await call('creating a volume', (docker, abortSignal) =>
        docker.createVolume(vendorOptions({ _query: {}, _body: body, abortSignal })),
      )
    },

    async removeVolume(name) {
      const asked = call('removing a volume', (docker, abortSignal) => docker.getVolume(name).remove({ abortSignal }))
      await unlessMissing(asked)
    },

    async listContainers() {
      const query = { _query: { all: true, filters: INSTANCE_FILTER } }
      const containers = await call('listing containers', (docker, abortSignal) =>
        docker.listContainers(vendorOptions({ ...query, abortSignal })),
      )
      return containers.map(({ Id, Labels, Created }) => ({ id: Id, labels: Labels, createdAtMs: Created * 1000 }))
    },

    async listVolumes() {
      const answer = await call('listing volumes', (docker, abortSignal) =>
        docker.listVolumes(vendorOptions({ _query: { filters: INSTANCE_FILTER }, abortSignal })),
      )
      return (answer.Volumes ?? []).map((volume) => ({
        id: volume.Name,
        labels: volume.Labels ?? {},
        createdAtMs: createdAtMs(volume),
      }))
    },
  }
  return client
}

const INSTANCE_FILTER = { label: [CONTAINER_LABELS.instance] }

/** `_query` and `_body` are the library's own way to say what goes where; its types do not know them. */
function vendorOptions(options: { _query: object; _body?: object; abortSignal: AbortSignal }): object & {
  abortSignal: AbortSignal
} {
  return options
}

function addressOf(dockerHost: string): Dockerode.DockerOptions {
  // Everything that the library would take from the environment is set.
  const common = { protocol: 'http', ca: undefined, cert: undefined, key: undefined, timeout: undefined } as const
  const { protocol, hostname, port, pathname } = new URL(dockerHost)
  if (protocol === 'unix:') return { ...common, host: undefined, socketPath: decodeURIComponent(pathname) }
  return { ...common, host: hostname, port }
}

function supportedApi(version: string): string {
  const [major, minor] = /^(\d{1,3})\.(\d{1,4})$/.exec(version)?.slice(1).map(Number) ?? []
  if (major !== undefined && minor !== undefined && major === OLDEST_API[0] && minor >= OLDEST_API[1]) return version
  throw new DevBotError({
    category: 'sandbox',
    code: 'engine-too-old',
    message: `The Docker engine speaks API ${String(version).slice(0, 20)}; ${OLDEST_API.join('.')} (engine 20.10) or newer is needed.`,
  })
}

/** `name:tag`, `name@sha256:...` or `name`, where a name may hold a registry's port. */
function pullQuery(name: string): { fromImage: string; tag: string } {
  const [, fromImage = name, tag = 'latest'] = /^(.+?)(?:@(sha256:.+))?$/.exec(name) ?? []
  if (tag !== 'latest') return { fromImage: fromImage.replace(/:[^:/]+$/, ''), tag }
  const colon = name.lastIndexOf(':')
  return colon > name.lastIndexOf('/')
    ? { fromImage: name.slice(0, colon), tag: name.slice(colon + 1) }
    : { fromImage: name, tag }
}

async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** What was asked for, or the signal's reason; what comes too late goes to `drop`. */
async function inTime<T>(asked: Promise<T>, signal: AbortSignal, drop?: (late: T) => void): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => {
    aborted.reject(signal.reason)
    asked.then(drop, () => undefined) // that it failed as well is no news
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([asked, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function within(timeoutMs: number, isSo: () => Promise<boolean>): Promise<boolean> {
  for (const until = performance.now() + timeoutMs; performance.now() < until; await delay(100)) {
    if (await isSo()) return true
  }
  return false
}

function createdAtMs(volume: object): number {
  const createdAt = 'CreatedAt' in volume ? Date.parse(String(volume.CreatedAt)) : Number.NaN
  // An engine that does not tell: old enough for everything.
  return Number.isNaN(createdAt) ? 0 : createdAt
}
