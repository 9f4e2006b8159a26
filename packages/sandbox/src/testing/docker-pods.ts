import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { CONTAINER_LABELS, type ContainerRole } from '@devbot/contracts'
import { createSandbox } from '../create-sandbox.ts'
import { createDockerClient, type DockerClient } from '../docker/docker-client.ts'
import { createDockerDriver, type DockerDriverOptions } from '../docker/docker-driver.ts'
import { createDockerEngine, type DockerEngine } from '../docker/docker-engine.ts'
import { makePod } from '../docker/pod.ts'
import { transfer } from '../run-process.ts'
import type { Sandbox, SandboxDriver, SandboxSpec } from '../sandbox.ts'
import { specForTests } from './make-sandbox.ts'
import { markOwn } from './own-processes.ts'
import { ensureTestImage, type TestImage } from './test-images.ts'

const run = promisify(execFile)
const SERVICE_LIMITS = { memoryBytes: 256 * 1024 ** 2, diskBytes: 256 * 1024 ** 2 }

/** An instance name that no other test has at the same time. */
export function newInstance(): string {
  return `test-${randomBytes(4).toString('hex')}`
}

/** A driver of an instance of its own, with the Debian image for anchor and sandbox unless told otherwise. */
export async function makeDockerDriver(
  dockerHost: string,
  options: Partial<DockerDriverOptions> = {},
): Promise<{ driver: SandboxDriver; instance: string; spec: SandboxSpec }> {
  const image = await ensureTestImage(dockerHost, 'debian')
  const instance = options.instance ?? newInstance()
  const driver = createDockerDriver({
    dockerHost,
    instance,
    sandboxImage: image,
    anchorImage: image,
    runtime: 'runc',
    pull: 'never',
    imagesAllowed: [],
    serviceLimits: SERVICE_LIMITS,
    workspace: 'auto',
    isLive: async () => true,
    ...options,
  })
  return { driver, instance, spec: { ...specForTests, instance } }
}

/** What the engine has of an instance. */
export async function thingsOf(dockerHost: string, instance: string) {
  const client = createDockerClient(dockerHost)
  const own = (things: Awaited<ReturnType<DockerClient['listContainers']>>) =>
    things.filter(({ labels }) => labels[CONTAINER_LABELS.instance] === instance)
  return { containers: own(await client.listContainers()), volumes: own(await client.listVolumes()) }
}

/** Removes what a failed test left. */
export async function removeInstance(dockerHost: string, instance: string): Promise<void> {
  const client = createDockerClient(dockerHost)
  const { containers, volumes } = await thingsOf(dockerHost, instance)
  for (const { id } of containers) await client.removeContainer(id)
  for (const { id } of volumes) await client.removeVolume(id)
}

/** Everything the engine tells of the container that has this role in the only pod of an instance. */
export async function inspectPart(dockerHost: string, instance: string, role: ContainerRole) {
  const { containers } = await thingsOf(dockerHost, instance)
  const [part, ...more] = containers.filter(({ labels }) => labels[CONTAINER_LABELS.role] === role)
  if (part === undefined || more.length > 0) throw new Error(`not one ${role} of ${instance}`)
  const { stdout } = await run('docker', ['-H', dockerHost, 'inspect', part.id], { maxBuffer: 10_000_000 })
  const [inspected]: unknown[] = JSON.parse(stdout)
  if (!(inspected instanceof Object)) throw new Error('docker inspect told nothing')
  return { id: part.id, inspected: inspected as Record<string, Record<string, unknown>> }
}

/** One pod that several tests use one after the other, each with a sandbox that looks new. */
export type ReusablePod = { nextSandbox(): Promise<Sandbox>; engine(): Promise<DockerEngine>; remove(): Promise<void> }

/** Making a pod takes a second, cleaning one a quarter of that. A pod that a test broke is replaced. */
export function createReusablePod(dockerHost: string, image: TestImage): ReusablePod {
  let engine: DockerEngine | undefined

  async function make(): Promise<DockerEngine> {
    const client = createDockerClient(dockerHost)
    const pod = await makePod({
      client,
      profile: {
        podId: randomBytes(12).toString('hex'),
        spec: { ...specForTests, instance: newInstance(), limits: { ...specForTests.limits, cpus: 2, maxMinutes: 20 } },
        sandboxImage: await ensureTestImage(dockerHost, image),
        anchorImage: await ensureTestImage(dockerHost, 'debian'),
        runtime: 'runc',
        keeper: image === 'bare' ? 'busybox' : 'sleep',
        workspace: 'memory',
        services: [],
        serviceLimits: SERVICE_LIMITS,
        expiresAtMs: Date.now() + 20 * 60_000,
      },
      assertWanted: () => undefined,
      onWarning: (message) => {
        throw new Error(message)
      },
    })
    markOwn(pod.sandboxId)
    return createDockerEngine({ client, pod })
  }

  async function cleaned(): Promise<DockerEngine> {
    if (engine && (await engine.whyEnded())) await engine.remove()
    if (engine === undefined || (await engine.whyEnded())) engine = await make()
    else await clean(engine)
    return engine
  }

  return {
    engine: cleaned,
    async nextSandbox() {
      const inner = await cleaned()
      return await createSandbox({ ...inner, remove: inner.killAll }, specForTests.limits.maxMinutes)
    },
    async remove() {
      await engine?.remove()
    },
  }
}

async function clean(engine: DockerEngine): Promise<void> {
  await engine.killAll()
  const script = 'chmod -R u+rwx /sandbox/*; rm -rf /sandbox/* /tmp/* /tmp/.[!.]*'
  await transfer(engine, { argv: ['sh', '-c', script], timeoutMs: 30_000, what: 'cleaning a pod' })
}
