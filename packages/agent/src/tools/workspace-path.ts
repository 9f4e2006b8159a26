import { z } from 'zod'

/** Longest path a tool takes; file systems allow 4,096 bytes. */
const MAX_PATH_LENGTH = 1_000

/**
 * A path inside the workspace, relative to its root, normalised: `./src//a.ts` is `src/a.ts`, the root is `.`. This is
 * for clear answers; what keeps the agent in its sandbox is the sandbox.
 */
export const workspacePath = z
  .string()
  .min(1)
  .max(MAX_PATH_LENGTH)
  .refine((path) => !path.includes('\0'), 'expected a path without NUL characters')
  .refine((path) => !path.startsWith('/'), 'expected a path relative to the workspace, like src/index.ts')
  .refine((path) => !path.split('/').includes('..'), 'expected a path inside the workspace, without ".."')
  .transform(normalised)

function normalised(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return parts.length === 0 ? '.' : parts.join('/')
}
