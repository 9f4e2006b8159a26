import { KEEPER_USER, SANDBOX_USER } from '@devbot/contracts'
import { z } from 'zod'
import type { Engine } from './engine.ts'
import { isLongExpired, type Labels, type PodPart, partOf } from './part-name.ts'
import { forbidden, notOurs, Refusal } from './refusal.ts'

/** A container on the engine that DevBot made: `id` is the engine's own, so no name is resolved twice. */
export type KnownContainer = {
  readonly id: string
  readonly part: PodPart
  readonly labels: Labels
  readonly isRunning: boolean
  readonly networkMode: string
  /** Processes that were made in it by exec and did not end yet. */
  readonly execs: number
  /** The engine's whole description. */
  readonly raw: unknown
}

/** What belongs to this instance, asked from the engine at the moment of use. */
export interface Ownership {
  /** Throws a Refusal of status 404, the same for what is not there and what is not ours. */
  container(idOrName: string): Promise<KnownContainer>
  /** The same, and what another instance left behind more than a day ago. */
  removableContainer(idOrName: string): Promise<KnownContainer>
  /** An exec in a container of ours, as one of the users that DevBot gives. */
  exec(id: string): Promise<{ readonly id: string; readonly container: KnownContainer; readonly raw: unknown }>
  volume(name: string): Promise<void>
  removableVolume(name: string): Promise<void>
}

const EXEC_USERS = [SANDBOX_USER, KEEPER_USER]

const containerSchema = z.object({
  Id: z.string().regex(/^[0-9a-f]{64}$/),
  Name: z.string().startsWith('/'),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullable() }),
  State: z.object({ Running: z.boolean() }),
  HostConfig: z.object({ NetworkMode: z.string() }),
  ExecIDs: z.array(z.string()).nullish(),
})
const execSchema = z.object({
  ID: z.string(),
  ContainerID: z.string(),
  ProcessConfig: z.object({ user: z.string().default(''), privileged: z.boolean().default(false) }),
})
const volumeSchema = z.object({
  Name: z.string(),
  Driver: z.string(),
  Labels: z.record(z.string(), z.string()).nullable(),
})

export function createOwnership(deps: {
  readonly engine: Engine
  readonly instance: string
  readonly nowMs: () => number
}): Ownership {
  const { engine, instance } = deps
  const isOurs = (part: PodPart) => part.instance === instance
  const isRemovable = (part: PodPart, labels: Labels) => isOurs(part) || isLongExpired(labels, deps.nowMs())

  const lookUp = async (path: string, what: 'container' | 'exec' | 'volume') => {
    const reply = await engine.ask({ method: 'GET', path })
    if (reply.status === 404) throw notOurs(what)
    if (reply.status !== 200)
      throw new Refusal(502, `The Docker engine answered ${reply.status} when asked for a ${what}`)
    return reply.body
  }
  const findContainer = async (idOrName: string): Promise<KnownContainer> => {
    const raw = await lookUp(`/containers/${idOrName}/json`, 'container')
    const found = containerSchema.parse(raw)
    // The engine also takes the beginning of an id, and a name that looks like one.
    if (found.Id !== idOrName && found.Name !== `/${idOrName}`) throw notOurs('container')
    const labels = found.Config.Labels ?? {}
    const part = partOf(found.Name.slice(1), labels)
    if (part === undefined || part.role === 'workspace') throw notOurs('container')
    const { Id: id, HostConfig, State, ExecIDs } = found
    const facts = { isRunning: State.Running, networkMode: HostConfig.NetworkMode, execs: ExecIDs?.length ?? 0 }
    return { id, part, labels, ...facts, raw }
  }
  const findVolume = async (name: string) => {
    const found = volumeSchema.parse(await lookUp(`/volumes/${name}`, 'volume'))
    const part = found.Name === name && found.Driver === 'local' ? partOf(name, found.Labels ?? {}) : undefined
    if (part?.role !== 'workspace') throw notOurs('volume')
    return { part, labels: found.Labels ?? {} }
  }
  const container = async (idOrName: string) => {
    const found = await findContainer(idOrName)
    if (!isOurs(found.part)) throw notOurs('container')
    return found
  }
  return {
    container,
    async removableContainer(idOrName) {
      const found = await findContainer(idOrName)
      if (!isRemovable(found.part, found.labels)) throw notOurs('container')
      return found
    },
    async exec(id) {
      const raw = await lookUp(`/exec/${id}/json`, 'exec')
      const found = execSchema.parse(raw)
      if (found.ID !== id) throw notOurs('exec')
      const owner = await container(found.ContainerID)
      // One that an operator made by hand, perhaps as root: not the worker's to start.
      if (found.ProcessConfig.privileged || !EXEC_USERS.includes(found.ProcessConfig.user)) throw notOurs('exec')
      return { id, container: owner, raw }
    },
    async volume(name) {
      const { part } = await findVolume(name)
      if (!isOurs(part)) throw notOurs('volume')
    },
    async removableVolume(name) {
      const { part, labels } = await findVolume(name)
      if (!isRemovable(part, labels)) throw notOurs('volume')
    },
  }
}

/** The pod's own anchor, for a sandbox or a service to join. Throws a Refusal for every other container. */
export async function checkAnchorOf(part: PodPart, networkMode: string, ownership: Ownership): Promise<void> {
  const anchor = await ownership.container(networkMode.slice('container:'.length))
  if (anchor.part.role !== 'anchor' || anchor.part.podId !== part.podId || anchor.networkMode !== 'none') {
    throw forbidden('HostConfig.NetworkMode: not the anchor of its own pod')
  }
}
