import { createHash } from 'node:crypto'
import { z } from 'zod'

/** `t` and 12 hexadecimal digits. */
export const taskIdSchema = z
  .string()
  .regex(/^t[0-9a-f]{12}$/, 'expected a task id like t0123456789ab')
  .brand<'TaskId'>()
export type TaskId = z.infer<typeof taskIdSchema>

/** `owner/name` as GitHub allows it; the name never is `.` or `..`. */
export const repositoryNameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})\/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/,
    'expected owner/name, for example octo-org/hello',
  )
  .brand<'RepositoryName'>()
export type RepositoryName = z.infer<typeof repositoryNameSchema>

/** SHA-256 of the plan file's bytes, 64 hexadecimal digits. */
export const planHashSchema = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .brand<'PlanHash'>()
export type PlanHash = z.infer<typeof planHashSchema>

/** A git object id, 40 hexadecimal digits. */
export const objectIdSchema = z
  .string()
  .regex(/^[0-9a-f]{40}$/)
  .brand<'ObjectId'>()
export type ObjectId = z.infer<typeof objectIdSchema>

/** The id of a task is derived from what the task is, so accepting the same plan twice yields the same task. */
export function taskIdFor(identity: {
  readonly repository: string
  readonly planPath: string
  readonly generation: number
}): TaskId {
  const text = `${identity.repository.toLowerCase()}\n${identity.planPath}\n${identity.generation}`
  return taskIdSchema.parse(`t${createHash('sha256').update(text).digest('hex').slice(0, 12)}`)
}

/** The hash that identifies one revision of a plan. */
export function planHashFor(content: string | Uint8Array): PlanHash {
  return planHashSchema.parse(createHash('sha256').update(content).digest('hex'))
}
