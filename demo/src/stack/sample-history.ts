import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const folder = fileURLToPath(new URL('../../sample-repository/', import.meta.url))

const historySchema = z.object({
  commits: z.array(
    z.object({
      message: z.string(),
      author: z.object({ name: z.string(), email: z.string() }),
      date: z.string(),
      /** A path takes the file as it is in `files/`; `path@2` an earlier state of it from `earlier/`. */
      paths: z.array(z.string()),
    }),
  ),
})

export type HistoryCommit = {
  readonly message: string
  readonly author: { readonly name: string; readonly email: string }
  readonly date: string
  readonly files: Readonly<Record<string, Uint8Array>>
}

/** The sample repository's commits, oldest first, each with the files it brings. The last state is that of `files/`. */
export async function readSampleHistory(): Promise<readonly HistoryCommit[]> {
  const { commits } = historySchema.parse(JSON.parse(await readFile(join(folder, 'history.json'), 'utf8')))
  return Promise.all(
    commits.map(async ({ paths, ...commit }) => ({
      ...commit,
      files: Object.fromEntries(
        await Promise.all(paths.map(async (path) => [path.replace(/@\d+$/, ''), await readState(path)] as const)),
      ),
    })),
  )
}

function readState(path: string): Promise<Uint8Array> {
  return readFile(join(folder, /@\d+$/.test(path) ? 'earlier' : 'files', path))
}

export const plansFolder = fileURLToPath(new URL('../../plans/', import.meta.url))
export const trajectoriesFolder = fileURLToPath(new URL('../../trajectories/', import.meta.url))
export const reviewFile = fileURLToPath(new URL('../../review.json', import.meta.url))
