import { z } from 'zod'

/** Side services of one pod; each is a container with limits of its own. */
export const MAX_SIDE_SERVICES = 8

/** Part of a container's name, and how a report calls it. */
export const SIDE_SERVICE_NAME_PATTERN = /^[a-z][a-z0-9-]{0,30}$/

/** An image's name as an engine takes it: `postgres:16`, `ghcr.io/owner/name@sha256:...`. */
export const imageNameSchema = z
  .string()
  .max(255)
  .regex(/^[a-z0-9][A-Za-z0-9._:/@-]*$/, 'expected the name of an image, like postgres:16')

/**
 * Whether an image may be used by IMAGES_ALLOWED: names in which `*` stands for any text. An empty list allows every
 * name. Compared as it is written: `postgres:*` does not mean `docker.io/library/postgres:16`.
 */
export function isImageAllowed(name: string, allowed: readonly string[]): boolean {
  return allowed.length === 0 || allowed.some((pattern) => matchesGlob(name, pattern))
}

function matchesGlob(name: string, pattern: string): boolean {
  const parts = pattern.split('*')
  const [first = '', ...rest] = parts
  const last = rest.pop()
  if (last === undefined) return name === pattern
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false
  // The leftmost place for each part leaves the most for those behind it.
  let at = first.length
  for (const part of rest) {
    const found = name.indexOf(part, at)
    if (found < 0 || found + part.length > name.length - last.length) return false
    at = found + part.length
  }
  return true
}

const oneLine = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .refine((text) => !/\p{Cc}/u.test(text), 'expected one line without control characters')

/**
 * A program that tests need beside them (a database, a queue). It joins the run's pod and is met on 127.0.0.1; it starts
 * empty in every sandbox, has no way out, and writes to memory only.
 */
export const sideServiceSchema = z.strictObject({
  name: z.string().regex(SIDE_SERVICE_NAME_PATTERN, 'expected a name of lower-case letters, digits and dashes'),
  image: imageNameSchema,
  /** TCP port on which it is ready when it accepts a connection. */
  port: z.int().min(1).max(65_535),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'expected the name of a variable'),
      z
        .string()
        .max(1000)
        .refine((text) => !text.includes('\0'), 'expected no NUL'),
    )
    .refine((env) => Object.keys(env).length <= 32, 'expected at most 32 variables')
    .default({}),
  /** Instead of the image's own command. */
  command: z.array(oneLine(1000)).min(1).max(32).optional(),
  /** Run in the service's container; it is ready when this ends with 0 (besides the port). */
  health: z.array(oneLine(1000)).min(1).max(32).optional(),
  /** How long it may take until it is ready. */
  start_seconds: z.int().min(1).max(600).default(60),
})
export type SideService = z.infer<typeof sideServiceSchema>
