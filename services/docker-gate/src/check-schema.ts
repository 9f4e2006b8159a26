import { z } from 'zod'
import { forbidden, shown } from './refusal.ts'

// A schema is made for one request: compiling it would take longer than reading it through, and needs no eval.
z.config({ jitless: true })

/** The body as the schema knows it: what is sent on is this value, written anew. Throws a Refusal that names the place. */
export function checkSchema<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body, { reportInput: false })
  if (result.success) return result.data
  const [issue] = result.error.issues
  const place = issue?.path.length ? issue.path.map(String).join('.') : 'the body'
  throw forbidden(`${shown(place)}: ${shown(issue?.message ?? 'not as DevBot writes it')}`)
}
