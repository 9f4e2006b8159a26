import { setTimeout as delay } from 'node:timers/promises'
import { DevBotError, EGRESS_PORT, type ErrorCode, SANDBOX_USER } from '@devbot/contracts'
import type { ContainerState, DockerClient } from './docker-client.ts'
import { messageOf } from './engine-error.ts'
import { type ListeningPorts, watchPorts } from './listening-ports.ts'
import type { PodService } from './profile.ts'
import { runInContainer } from './run-in-container.ts'

export type StartedService = PodService & { readonly containerId: string }

/** Between two looks at a service that is not ready. */
const LOOK_EVERY_MS = 200
/** One try of a health command; one that hangs is tried again beside it. The last one gets a second, too. */
const HEALTH_TIMEOUT_MS = { least: 1_000, most: 10_000 }
/** The forwarder in the anchor listens within milliseconds. */
const FORWARD_SECONDS = 20
/** Of a log: lines that are asked for, and characters in a message. */
const SERVICE_LOG_LINES = 40
const MAX_LOG_CHARACTERS = 1_200

type StartInput = {
  readonly client: DockerClient
  readonly anchorId: string
  readonly services: readonly StartedService[]
  /** Whether the anchor forwards a port to a way out. */
  readonly leadsOut: boolean
  /** Throws when the pod is no longer wanted; asked at every look. */
  readonly assertWanted: () => void
}

/**
 * Starts the made services of a pod and waits until all are ready. Throws DevBotError `sandbox`: `service-ended`,
 * `service-not-ready` and `service-not-started` say which one and the end of its log; the caller removes the pod.
 */
export async function startServices(input: StartInput): Promise<void> {
  const { client, anchorId, services, leadsOut } = input
  // Before anything else can listen there: what answers on this port is the way out, and nothing but that.
  if (leadsOut) await untilForwarding(input)
  await Promise.all(services.map((service) => startOne(client, service)))
  const seconds = Math.max(...services.map(({ start_seconds }) => start_seconds))
  const ports = await watchPorts({ client, anchorId, ports: services.map(({ port }) => port), seconds })
  const others = new AbortController()
  try {
    await Promise.all(services.map((service) => untilReady(input, service, ports, others.signal)))
  } finally {
    // One that failed ends the waiting for the others.
    others.abort()
    ports.close()
  }
}

/** What would let two services, or a service and the way out, answer for each other. */
export function assertPortsApart(services: readonly PodService[]): void {
  const taken = new Map([[EGRESS_PORT, "the sandbox's way out"]])
  for (const { name, port } of services) {
    const other = taken.get(port)
    if (other !== undefined) throw portTaken(name, port, other)
    taken.set(port, `the side service ${name}`)
  }
}

async function untilForwarding({ client, anchorId, assertWanted }: StartInput): Promise<void> {
  const ports = await watchPorts({ client, anchorId, ports: [EGRESS_PORT], seconds: FORWARD_SECONDS })
  try {
    while (!ports.has(EGRESS_PORT)) {
      assertWanted()
      if (ports.isOver()) throw notForwarding()
      await delay(20)
    }
  } finally {
    ports.close()
  }
}

async function startOne(client: DockerClient, service: StartedService): Promise<void> {
  try {
    await client.startContainer(service.containerId)
  } catch (error) {
    if (!(error instanceof DevBotError) || error.details.passing === true) throw error
    throw new DevBotError({
      category: 'sandbox',
      code: 'service-not-started',
      message: `The side service ${service.name} (${service.image}) could not be started: ${messageOf(error)}`,
      cause: error,
    })
  }
}

async function untilReady(
  { client, assertWanted }: StartInput,
  service: StartedService,
  ports: ListeningPorts,
  others: AbortSignal,
): Promise<void> {
  const until = performance.now() + service.start_seconds * 1000
  let missing = `nothing listens on its port ${service.port}`
  while (!others.aborted) {
    assertWanted()
    if (ports.has(service.port)) {
      const problem = await healthProblem(client, service, until - performance.now())
      if (problem === undefined) return
      missing = problem
    }
    const state = await client.inspectContainer(service.containerId)
    if (!state?.running) throw await serviceEnded(client, service, state)
    if (performance.now() > until || (ports.isOver() && !ports.has(service.port)))
      throw await notReady(client, service, missing)
    await delay(LOOK_EVERY_MS)
  }
}

/** Undefined: it is well, or has no command that would say. */
async function healthProblem(
  client: DockerClient,
  service: StartedService,
  leftMs: number,
): Promise<string | undefined> {
  const { health, containerId } = service
  if (health === undefined) return undefined
  const timeoutMs = Math.max(HEALTH_TIMEOUT_MS.least, Math.min(HEALTH_TIMEOUT_MS.most, leftMs))
  try {
    const end = await runInContainer({ client, containerId, user: SANDBOX_USER, argv: health, timeoutMs })
    if (end?.exitCode === 0) return undefined
    return `its health command ${end === undefined ? 'gave no answer in time' : `ended with ${end.exitCode}`}`
  } catch (error) {
    // The engine starts no process in a container that is just ending; whether it did is looked at next.
    if (error instanceof DevBotError && error.details.passing !== true) return 'its health command could not be started'
    throw error
  }
}

/** What became of services since, for whoever sees the effect: a sentence for each that has ended. */
export async function endedServices(
  client: DockerClient,
  services: readonly StartedService[],
): Promise<readonly string[]> {
  const told: string[] = []
  for (const service of services) {
    const state = await client.inspectContainer(service.containerId)
    if (!state?.running) told.push((await serviceEnded(client, service, state)).message)
  }
  return told
}

async function serviceEnded(
  client: DockerClient,
  service: StartedService,
  state: ContainerState | undefined,
): Promise<DevBotError> {
  const memory = state?.outOfMemory === true ? ', for want of memory (SERVICE_MEMORY)' : ''
  const how = state === undefined ? 'its container is gone' : `with exit code ${state.exitCode}${memory}`
  return serviceError('service-ended', service, `has ended: ${how}`, await logOf(client, service))
}

async function notReady(client: DockerClient, service: StartedService, missing: string): Promise<DevBotError> {
  const what = `was not ready after ${service.start_seconds} s (start_seconds): ${missing}`
  return serviceError('service-not-ready', service, what, await logOf(client, service))
}

function serviceError(code: ErrorCode, { name, image }: PodService, what: string, log: string): DevBotError {
  const end = log === '' ? 'It wrote nothing.' : `The end of what it wrote:\n${log}`
  return new DevBotError({
    category: 'sandbox',
    code,
    message: `The side service ${name} (${image}) ${what}. ${end}`,
  })
}

/** Hostile: short, and without what could disguise it. An engine that does not tell it keeps nothing from being said. */
async function logOf(client: DockerClient, { containerId }: StartedService): Promise<string> {
  const text = await client.readLog(containerId, SERVICE_LOG_LINES).catch(() => '(its log could not be read)')
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[^\P{C}\n\t]/gu, '')
    .trim()
    .slice(-MAX_LOG_CHARACTERS)
}

function portTaken(name: string, port: number, other: string): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'service-port-taken',
    message: `The side service ${name} wants port ${port}, which is that of ${other}; all of them share 127.0.0.1. Give it another port in .devbot.yml.`,
  })
}

function notForwarding(): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'egress-unavailable',
    message: `Nothing listens on the sandbox's way out (port ${EGRESS_PORT}) after ${FORWARD_SECONDS} s; the image of SANDBOX_ANCHOR_IMAGE needs socat, as DevBot's own has it`,
  })
}
