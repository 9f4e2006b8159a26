import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { SeedCommit } from './git/seed-history.ts'

const historySchema = z.object({
  commits: z.array(
    z.object({
      message: z.string(),
      author: z.object({ name: z.string(), email: z.string() }),
      date: z.string(),
      paths: z.array(z.string()),
    }),
  ),
})

/**
 * Reads a history that is kept as files: `history.json` lists the commits, oldest first; a path in it takes the file as
 * it is in `files/`, and `path@2` an earlier state of it from `earlier/`.
 */
export async function readHistoryFolder(folder: string): Promise<readonly SeedCommit[]> {
  const { commits } = historySchema.parse(JSON.parse(await readFile(join(folder, 'history.json'), 'utf8')))
  return Promise.all(
    commits.map(async ({ paths, ...commit }) => ({
      ...commit,
      files: Object.fromEntries(
        await Promise.all(
          paths.map(async (path) => [path.replace(/@\d+$/, ''), await readState(folder, path)] as const),
        ),
      ),
    })),
  )
}

function readState(folder: string, path: string): Promise<Uint8Array> {
  return readFile(join(folder, /@\d+$/.test(path) ? 'earlier' : 'files', path))
}
