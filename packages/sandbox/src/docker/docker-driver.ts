import { randomBytes } from 'node:crypto'
import { DevBotError, type SideService } from '@devbot/contracts'
import { createSandbox } from '../create-sandbox.ts'
import type { Sandbox, SandboxDriver, SandboxImages, SandboxSpec } from '../sandbox.ts'
import { createDockerClient, type DockerClient } from './docker-client.ts'
import { createDockerEngine, type DockerEngine } from './docker-engine.ts'
import type { EgressClient } from './egress.ts'
import { engineStatus, messageOf } from './engine-error.ts'
import { explainEnds } from './explain-ends.ts'
import { createImages, type PullPolicy, type WantedImage } from './images.ts'
import { inAnyCase, makePod, type Pod } from './pod.ts'
import type { PodProfile, PodService, ServiceLimits } from './profile.ts'
import { findPods, type PodOwner, reapPods } from './reap.ts'
import { endedServices } from './side-services.ts'
import { tellEndedServices } from './tell-ended-services.ts'
import { type DiskWatch, watchDisk } from './watch-disk.ts'

export type DockerDriverOptions = {
  /** `unix:///path` or `tcp://host:port`; docker-gate's socket in compose. */
  readonly dockerHost: string
  /** DEVBOT_INSTANCE. */
  readonly instance: string
  readonly sandboxImage: string
  /** DevBot's own image. */
  readonly anchorImage: string
  readonly runtime: string
  readonly pull: PullPolicy
  /** IMAGES_ALLOWED: what repositories may choose; empty: every image. */
  readonly imagesAllowed: readonly string[]
  /** Of each side service. */
  readonly serviceLimits: ServiceLimits
  /** `auto`: in memory, unless the tree takes more than a quarter of the disk; then a volume. */
  readonly workspace: 'auto' | 'memory' | 'volume'
  /** The way out, by the egress-proxy's sockets in this volume; absent: none. */
  readonly egress?: { readonly volume: string; readonly client: EgressClient }
  /** Whether this owner still holds its task, from the ledger. */
  readonly isLive: (owner: PodOwner) => Promise<boolean>
  /** UTC milliseconds. */
  readonly now?: () => number
  /** Told what is no error of anybody's call: something was left behind, one of many removals failed. */
  readonly onWarning?: (message: string) => void
}

/** A tree and what is built from it fit into memory up to here. */
const MEMORY_SHARE_OF_DISK = 1 / 4
/** For the way from here to the sandbox's start, before its lifetime begins. */
const START_MS = 60_000

/**
 * Sandboxes as pods of two containers, contained as profile.ts says. Errors are DevBotError `sandbox`: `engine-unreachable`
 * and `engine-failed` may pass (`details.passing`), `image-...`, `engine-refused`, `sandbox-runtime-unknown` need somebody.
 */
export function createDockerDriver(options: DockerDriverOptions): SandboxDriver {
  const { instance, sandboxImage, anchorImage, isLive, egress } = options
  const now = options.now ?? Date.now
  const onWarning = options.onWarning ?? (() => undefined)
  const client = createDockerClient(options.dockerHost)
  const images = createImages({ client, pull: options.pull, allowed: options.imagesAllowed })
  /** Images without a sleep of their own; learnt from the first sandbox of each. */
  const busyboxKept = new Set<string>()
  const imageOf = (spec: SandboxImages) => spec.image ?? sandboxImage

  function profileFor(spec: SandboxSpec, services: readonly PodService[]): PodProfile {
    return {
      podId: randomBytes(12).toString('hex'),
      spec,
      sandboxImage: imageOf(spec),
      anchorImage,
      runtime: options.runtime,
      keeper: busyboxKept.has(imageOf(spec)) ? 'busybox' : 'sleep',
      services,
      serviceLimits: options.serviceLimits,
      workspace: workspaceFor(options.workspace, spec),
      ...(egress && { egressVolume: egress.volume }),
      // Whole, as labels are compared; MAX_MINUTES may have decimals.
      expiresAtMs: Math.ceil(now() + spec.limits.maxMinutes * 60_000) + START_MS,
    }
  }

  async function make(spec: SandboxSpec, signal: AbortSignal | undefined): Promise<Sandbox> {
    const profile = profileFor(spec, await withVolumes(spec.services ?? []))
    const pod = await makePod({
      client,
      profile,
      ...(egress && { egress: egress.client }),
      assertWanted: () => assertWanted(signal),
      onWarning,
    }).catch((error: unknown) => {
      throw explainRefusal(error, options)
    })
    const engine = createDockerEngine({ client, pod })
    const watched = profile.workspace === 'volume' ? await watch(client, pod, engine, spec, onWarning) : engine
    const sandbox = await createSandbox(watched, spec.limits.maxMinutes).catch(async (error: unknown) => {
      throw (await engine.whyEnded()) ?? error
    })
    if (signal?.aborted) await sandbox[Symbol.asyncDispose]()
    assertWanted(signal)
    const explained = explainEnds(sandbox, engine.askWhyEnded)
    return pod.services.length === 0
      ? explained
      : tellEndedServices(explained, () => endedServices(client, pod.services))
  }

  /** Looked at once more for each sandbox: what a name stands for may have changed since `prepare`. */
  function withVolumes(services: readonly SideService[]): Promise<PodService[]> {
    return inAnyCase(
      services.map(async (service) => {
        const image = await client.inspectImage(service.image)
        return { ...service, volumes: image?.volumes ?? [] }
      }),
    )
  }

  return {
    name: 'docker',

    async prepare(signal, wanted = {}) {
      assertWanted(signal)
      const all = [
        sandboxOf(wanted, sandboxImage),
        { name: anchorImage },
        ...(wanted.services ?? []).map(imageOfService),
      ]
      const looked = client.connect().then(() => inAnyCase(all.map((one) => images.ensure(one))))
      const [image] = await unlessAborted(looked, signal)
      return { environmentId: image?.id ?? '' }
    },

    async create(spec, signal) {
      assertWanted(signal)
      const wasKnown = busyboxKept.has(imageOf(spec))
      try {
        return await make(spec, signal)
      } catch (error) {
        // Another one beside this may have learnt it meanwhile.
        if (wasKnown || !lacksKeeper(error)) throw error
        busyboxKept.add(imageOf(spec))
        return await make(spec, signal)
      }
    },

    reap: () => reapPods({ client, instance, isLive, now, onWarning }),
    count: async () => (await findPods(client)).filter((pod) => pod.instance === instance).length,
  }
}

function sandboxOf({ image }: SandboxImages, sandboxImage: string): WantedImage {
  return image === undefined ? { name: sandboxImage } : { name: image, policyKey: 'image' }
}

function imageOfService({ name, image }: SideService): WantedImage {
  return { name: image, policyKey: `services: ${name}: image`, mayHaveVolumes: true }
}

/** What docker-init ends with for a program that the image does not have. */
const NOT_FOUND_EXIT_CODE = 127

function lacksKeeper(error: unknown): boolean {
  return error instanceof DevBotError && error.code === 'sandbox-gone' && error.details.exitCode === NOT_FOUND_EXIT_CODE
}

function workspaceFor(choice: DockerDriverOptions['workspace'], { treeBytes = 0, limits }: SandboxSpec) {
  if (choice !== 'auto') return choice
  return treeBytes > limits.diskBytes * MEMORY_SHARE_OF_DISK ? 'volume' : 'memory'
}

/** The engine, with a watch over its disk that is closed with it. */
async function watch(
  client: DockerClient,
  pod: Pod,
  engine: DockerEngine,
  spec: SandboxSpec,
  onWarning: (message: string) => void,
): Promise<DockerEngine> {
  let diskWatch: DiskWatch | undefined
  const onFull = (reason: DevBotError) => {
    engine
      .end(reason)
      .catch((error: unknown) => onWarning(`a sandbox that filled its disk could not be stopped: ${messageOf(error)}`))
  }
  try {
    diskWatch = await watchDisk({ client, anchorId: pod.anchorId, diskBytes: spec.limits.diskBytes, onFull })
  } catch (error) {
    await engine
      .remove()
      .catch((left: unknown) => onWarning(`parts of a sandbox are left to the reaper: ${messageOf(left)}`))
    throw error
  }
  return {
    ...engine,
    async remove() {
      diskWatch.close()
      await engine.remove()
    },
  }
}

/** Which of the settings the engine most likely refuses: 400 is what it says to a runtime that it does not know. */
function explainRefusal(error: unknown, { runtime }: DockerDriverOptions): unknown {
  if (runtime === 'runc' || engineStatus(error) !== 400) return error
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-runtime-unknown',
    message:
      `The Docker engine refused to make a sandbox with the runtime ${runtime}. Register it with the engine ` +
      `(\`docker info\` lists those it has), or set SANDBOX_RUNTIME=runc. ${messageOf(error)}`,
    cause: error,
  })
}

/** Ends with the signal; the work goes on for others who wait for it. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return await work
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(notWanted(signal))
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function assertWanted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw notWanted(signal)
}

function notWanted(signal: AbortSignal): DevBotError {
  return new DevBotError({
    category: 'cancelled',
    code: 'sandbox-not-wanted',
    message: 'The sandbox was no longer wanted before it was ready.',
    cause: signal.reason,
  })
}
