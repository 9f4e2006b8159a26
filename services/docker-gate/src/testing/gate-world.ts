import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CONTAINER_LABELS, type PodPartRole, podPartName } from '@devbot/contracts'
import Docker from 'dockerode'
import {
  anchorBody,
  type PodProfile,
  type PodService,
  sandboxBody,
  serviceBody,
} from '../../../../packages/sandbox/src/docker/profile.ts'
import type { GateConfig } from '../config.ts'
import { startGate } from '../start-gate.ts'
import { type EngineRelay, startEngineRelay } from './engine-relay.ts'
import { TEST_IMAGE, testConfig } from './test-pod.ts'

const ENGINE_SOCKET = '/var/run/docker.sock'

/** Whether there is an engine with the image that these tests start containers from. */
export async function engineIsThere(): Promise<boolean> {
  try {
    await new Docker({ socketPath: ENGINE_SOCKET }).getImage(TEST_IMAGE).inspect()
    return true
  } catch {
    // Whatever the reason: the tests are counted as skipped, which CI takes for a failure.
    return false
  }
}

export type GateWorld = {
  readonly config: GateConfig
  readonly socketPath: string
  readonly relay: EngineRelay
  /** Through the gate. */
  readonly gate: Docker
  /** Past the gate. */
  readonly engine: Docker
  makeAnchor(profile: PodProfile): Promise<string>
  makeSandbox(profile: PodProfile, anchorId: string): Promise<string>
  makeService(profile: PodProfile, anchorId: string, service: PodService): Promise<string>
  /** A container that somebody else made, past the gate, removed at the end. */
  makeForeign(name: string, labels: Readonly<Record<string, string>>): Promise<string>
  stop(): Promise<void>
}

/** A gate of its own instance in front of the real engine. */
export async function startGateWorld(env: Readonly<Record<string, string>> = {}): Promise<GateWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'gate-'))
  const [socketPath, relayPath] = [join(folder, 'gate.sock'), join(folder, 'engine.sock')]
  const config = testConfig({
    DEVBOT_INSTANCE: `gate-${randomBytes(4).toString('hex')}`,
    GATE_SOCKET: socketPath,
    DOCKER_SOCKET: relayPath,
    ...env,
  })
  const relay = await startEngineRelay(relayPath, ENGINE_SOCKET)
  const service = await startGate(config)
  const gate = new Docker({ socketPath })
  const engine = new Docker({ socketPath: ENGINE_SOCKET })
  const foreign: string[] = []
  const make = async (profile: PodProfile, role: PodPartRole, body: object) => {
    const _query = { name: podPartName(config.instance, profile.podId, role) }
    const container = await gate.createContainer({ _query, _body: body } as Docker.ContainerCreateOptions)
    await container.start()
    return container.id
  }
  return {
    config,
    socketPath,
    relay,
    gate,
    engine,
    makeAnchor: (profile) => make(profile, 'anchor', anchorBody(profile)),
    makeSandbox: (profile, anchorId) => make(profile, 'sandbox', sandboxBody(profile, anchorId)),
    makeService: (profile, anchorId, service) =>
      make(profile, `service-${service.name}`, serviceBody(profile, anchorId, service)),
    async makeForeign(name, labels) {
      const HostConfig = { NetworkMode: 'none' }
      const container = await engine.createContainer({
        name,
        Image: TEST_IMAGE,
        Cmd: ['sleep', '600'],
        Labels: labels,
        HostConfig,
      })
      foreign.push(container.id)
      await container.start()
      return container.id
    },
    async stop() {
      await service.stop()
      await relay.stop()
      for (const id of foreign) await removeIfThere(engine, id)
      const label = [`${CONTAINER_LABELS.instance}=${config.instance}`]
      for (const { Id } of await engine.listContainers({ all: true, filters: { label } }))
        await removeIfThere(engine, Id)
      for (const { Name } of (await engine.listVolumes({ filters: { label } })).Volumes)
        await engine.getVolume(Name).remove()
      await rm(folder, { recursive: true })
    },
  }
}

async function removeIfThere(engine: Docker, id: string): Promise<void> {
  try {
    await engine.getContainer(id).remove({ force: true, v: true })
  } catch (error) {
    if (!(error instanceof Error && 'statusCode' in error && error.statusCode === 404)) throw error
  }
}
