import { SANDBOX_USER } from '@devbot/contracts'
import { z } from 'zod'
import type { Engine } from './stack/engine.ts'

const inspectedSchema = z.object({
  Name: z.string(),
  Config: z.object({ User: z.string(), Image: z.string() }),
  HostConfig: z.object({
    NetworkMode: z.string(),
    ReadonlyRootfs: z.boolean(),
    CapDrop: z.array(z.string()).nullable(),
    SecurityOpt: z.array(z.string()).nullable(),
    Memory: z.number(),
    NanoCpus: z.number(),
    PidsLimit: z.number().nullable(),
    Binds: z.array(z.string()).nullable(),
  }),
})

/** What the engine itself says of the first sandbox that can be seen; undefined when there is none at the moment. */
export async function describeSandbox(engine: Engine, instance: string): Promise<string | undefined> {
  const things = await engine.thingsOf(instance)
  const sandbox = things.find(({ kind, name }) => kind === 'container' && name.endsWith('-sandbox'))
  if (sandbox === undefined) return undefined
  const inspected = inspectedSchema.safeParse(await engine.inspect(sandbox.id))
  if (!inspected.success) return undefined
  const { Name, Config, HostConfig } = inspected.data
  const anchorId = /^container:(.+)$/.exec(HostConfig.NetworkMode)?.[1]
  const anchor = inspectedSchema.safeParse(anchorId === undefined ? undefined : await engine.inspect(anchorId))
  const network = anchor.success ? anchor.data.HostConfig.NetworkMode : HostConfig.NetworkMode
  const mib = (bytes: number) => `${Math.round(bytes / 1024 ** 2)} MiB`
  return [
    `container ${Name.slice(1)} of ${Config.Image}`,
    `commands run as ${SANDBOX_USER}`,
    `network ${network}`,
    `root ${HostConfig.ReadonlyRootfs ? 'read-only' : 'WRITABLE'}`,
    `capabilities dropped: ${HostConfig.CapDrop?.join(' ') ?? 'none'}`,
    ...(HostConfig.SecurityOpt ?? []),
    `host paths: ${HostConfig.Binds?.length ?? 0}`,
    `memory ${mib(HostConfig.Memory)} with its file system, ${HostConfig.NanoCpus / 1e9} CPUs, ${HostConfig.PidsLimit ?? 'unlimited'} processes`,
  ].join('; ')
}
