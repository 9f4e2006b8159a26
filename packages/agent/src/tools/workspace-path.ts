import { z } from 'zod'

/** Longest path a tool takes; file systems allow 4,096 bytes. */
const MAX_PATH_LENGTH = 1_000

const anyPath = z
  .string()
  .min(1)
  .max(MAX_PATH_LENGTH)
  .refine((path) => !path.includes('\0'), 'expected a path without NUL characters')
  .refine((path) => !path.split('/').includes('..'), 'expected a path without ".."')

/** A path to read: as below, or an absolute one, because an output may be kept outside the workspace. */
export const readablePath = anyPath.transform((path) => (path.startsWith('/') ? path : normalised(path)))

/**
 * A path inside the workspace, relative to its root, normalised: `./src//a.ts` is `src/a.ts`, the root is `.`. This is
 * for clear answers; what keeps the agent in its sandbox is the sandbox.
 */
export const workspacePath = anyPath
  .refine((path) => !path.startsWith('/'), 'expected a path relative to the workspace, like src/index.ts')
  .transform(normalised)

function normalised(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return parts.length === 0 ? '.' : parts.join('/')
}
