import { type PodPartRole, podPartName } from '@devbot/contracts'
import type { DockerClient } from './docker-client.ts'
import type { EgressClient, EgressLease } from './egress.ts'
import { messageOf } from './engine-error.ts'
import { anchorBody, type PodProfile, sandboxBody, serviceBody, volumeBody } from './profile.ts'
import { assertPortsApart, type StartedService, startServices } from './side-services.ts'

/** What was made for one sandbox. */
export type Pod = {
  readonly anchorId: string
  readonly sandboxId: string
  readonly services: readonly StartedService[]
  readonly egress?: EgressLease
  /** Removes everything; what is gone already is fine, and one failure does not keep the rest. Throws the first one. */
  remove(): Promise<void>
}

type MakePodInput = {
  readonly client: DockerClient
  readonly profile: PodProfile
  readonly egress?: EgressClient
  /** Throws when the pod is no longer wanted; asked between the steps. */
  readonly assertWanted: () => void
  readonly onWarning: (message: string) => void
}

/**
 * Anchor and sandbox, both running, and side services that are ready. A step that was begun is awaited, never given up half-way: what the engine made without
 * our hearing of it would stay.
 */
export async function makePod({ client, profile, egress, assertWanted, onWarning }: MakePodInput): Promise<Pod> {
  const { podId, spec } = profile
  const nameOf = (role: PodPartRole) => podPartName(spec.instance, podId, role)
  const made: { anchorId?: string; sandboxId?: string; egress?: EgressLease } = {}

  async function remove(): Promise<void> {
    await inAnyCase([
      made.egress?.close(),
      client.removeContainer(made.sandboxId ?? nameOf('sandbox')),
      ...profile.services.map(({ name }) => client.removeContainer(nameOf(`service-${name}`))),
      client.removeContainer(made.anchorId ?? nameOf('anchor')),
    ]).finally(() => (profile.workspace === 'volume' ? client.removeVolume(volumeBody(profile).Name) : undefined))
  }

  async function make(): Promise<Pod> {
    assertPortsApart(profile.services)
    if (profile.workspace === 'volume') await client.createVolume(volumeBody(profile))
    assertWanted()
    const [anchorId] = await inAnyCase([
      client.createContainer(nameOf('anchor'), anchorBody(profile)).then((id) => (made.anchorId = id)),
      openEgress(),
    ])
    assertWanted()
    const [sandboxId, services] = await inAnyCase([
      client.createContainer(nameOf('sandbox'), sandboxBody(profile, anchorId)).then((id) => (made.sandboxId = id)),
      makeServices(anchorId),
      client.startContainer(anchorId),
    ])
    assertWanted()
    await inAnyCase([client.startContainer(sandboxId), serve(anchorId, services)])
    assertWanted()
    return { anchorId, sandboxId, services, ...(made.egress && { egress: made.egress }), remove }
  }

  function makeServices(anchorId: string): Promise<StartedService[]> {
    return inAnyCase(
      profile.services.map(async (service) => {
        const body = serviceBody(profile, anchorId, service)
        return { ...service, containerId: await client.createContainer(nameOf(`service-${service.name}`), body) }
      }),
    )
  }

  async function serve(anchorId: string, services: readonly StartedService[]): Promise<void> {
    if (services.length === 0) return
    await startServices({ client, anchorId, services, leadsOut: profile.egressVolume !== undefined, assertWanted })
  }

  async function openEgress(): Promise<void> {
    const { taskId, runId, purpose, egressAllow } = spec
    const owner = { taskId, runId, purpose, ...(egressAllow && { allow: egressAllow }) }
    if (egress) made.egress = await egress.open(podId, owner)
  }

  try {
    return await make()
  } catch (error) {
    await remove().catch((left: unknown) => onWarning(`parts of a sandbox are left to the reaper: ${messageOf(left)}`))
    throw error
  }
}

/** Waits until all have ended, whatever becomes of them; then throws the first error. */
export async function inAnyCase<const T extends readonly unknown[]>(
  work: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work)
  return await Promise.all(work)
}
