import { type ContainerRole, KEEPER_USER, podPartName, SANDBOX_USER } from '@devbot/contracts'
import { z } from 'zod'
import { checkSchema } from './check-schema.ts'
import { labelsSchema } from './container-body.ts'
import { parsePartName } from './part-name.ts'
import { forbidden } from './refusal.ts'

/** A pod's workspace volume: no driver options, so it is a folder of the engine's and nothing of the host's. Throws a Refusal. */
export function checkVolumeBody(body: unknown, instance: string, nowMs: number) {
  const { Name } = checkSchema(z.looseObject({ Name: z.string().max(200) }), body)
  const part = parsePartName(Name)
  if (part?.instance !== instance || part.role !== 'workspace')
    throw forbidden('Name: not a workspace of this instance')
  const schema = z.strictObject({
    Name: z.literal(podPartName(instance, part.podId, 'workspace')),
    Driver: z.literal('local'),
    Labels: labelsSchema(part, nowMs),
  })
  return checkSchema(schema, body)
}

const argument = z
  .string()
  .max(60_000)
  .refine((text) => !text.includes('\0'), 'a NUL character')

/** A process in a sandbox: never as root, never privileged, no terminal, nothing added to the container's environment. */
const execSchema = z.strictObject({
  AttachStdin: z.boolean().default(false),
  AttachStdout: z.boolean().default(false),
  AttachStderr: z.boolean().default(false),
  Tty: z.literal(false).default(false),
  Cmd: z.array(argument).min(1).max(64),
  // Nothing that the sandbox can change: runc has been led out of containers by a working directory (CVE-2024-21626).
  WorkingDir: z.literal('/'),
  User: z.enum([SANDBOX_USER, KEEPER_USER]),
})

/** In an anchor only as the sandbox user, who cannot end what keeps the network; in a service, which has no keeper, too. Throws a Refusal. */
export function checkExecBody(body: unknown, role: ContainerRole) {
  const checked = checkSchema(execSchema, body)
  if (role !== 'sandbox' && checked.User !== SANDBOX_USER) throw forbidden(`User: in an ${role} only the sandbox user`)
  return checked
}

/** What dockerode sends, its own two options included; the engine gets a fixed body instead. */
const execStartSchema = z
  .strictObject({
    Detach: z.literal(false).optional(),
    Tty: z.literal(false).optional(),
    hijack: z.literal(true).optional(),
    stdin: z.boolean().optional(),
  })
  .transform(() => ({ Detach: false, Tty: false }))

export const checkExecStartBody = (body: unknown) => checkSchema(execStartSchema, body)

/** dockerode repeats the query of a pull as its body; the engine reads the query only and gets no body. */
const repeatedQuerySchema = z.strictObject({
  fromImage: z.string().max(600).optional(),
  tag: z.string().max(200).optional(),
})

export const checkRepeatedQuery = (body: unknown) => checkSchema(repeatedQuerySchema, body)

/** The two lists there are: what is ours, and what any instance of DevBot made. */
export function checkFilters(value: unknown, ownLabel: string, anyLabel: string): 'ours' | 'all-instances' {
  const { label } = checkSchema(z.strictObject({ label: z.tuple([z.enum([ownLabel, anyLabel])]) }), value)
  return label[0] === ownLabel ? 'ours' : 'all-instances'
}
