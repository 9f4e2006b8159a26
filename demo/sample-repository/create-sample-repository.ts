import { execFile } from 'node:child_process'
import { cp, mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { z } from 'zod'

const run = promisify(execFile)
const here = dirname(fileURLToPath(import.meta.url))

const historySchema = z.strictObject({
  /** Oldest first. */
  commits: z
    .array(
      z.strictObject({
        message: z.string().min(1),
        author: z.strictObject({ name: z.string().min(1), email: z.string().min(1) }),
        date: z.iso.datetime(),
        /** What the commit adds or replaces: `path` from `files`, `path@N` (an earlier version of it) from `earlier`. */
        paths: z.array(z.string().regex(/^[^@]+(@\d+)?$/)).min(1),
      }),
    )
    .min(1),
})
export type SampleCommit = z.infer<typeof historySchema>['commits'][number]

/** The commits of the sample repository, oldest first; `history.json` as it is. */
export async function readSampleHistory(): Promise<readonly SampleCommit[]> {
  return historySchema.parse(JSON.parse(await readFile(join(here, 'history.json'), 'utf8'))).commits
}

/**
 * Makes the sample repository with its whole history in a folder that is new or empty. Dates and authors are fixed, so
 * that the commit ids are the same everywhere. Returns the id of the newest commit. Needs git on the PATH.
 */
export async function createSampleRepository(options: {
  readonly directory: string
  /** Name of its only branch. */
  readonly branch: string
  /** The PATH on which git is found. */
  readonly path: string
}): Promise<string> {
  const { directory, branch } = options
  const git = createGit(directory, options.path)
  await mkdir(directory, { recursive: true })
  await git(['init', '--quiet', `--initial-branch=${branch}`])
  for (const commit of await readSampleHistory()) {
    await copyPaths(commit.paths, directory)
    await git(['add', '--all'])
    await git(['commit', '--quiet', '--no-gpg-sign', '--message', commit.message], identityOf(commit))
  }
  return (await git(['rev-parse', 'HEAD'])).trim()
}

/** Puts what a commit brings into a folder; the version mark of an earlier variant is not part of its name. */
async function copyPaths(paths: readonly string[], directory: string): Promise<void> {
  for (const path of paths) {
    const target = join(directory, path.replace(/@\d+$/, ''))
    await mkdir(dirname(target), { recursive: true })
    await cp(join(here, path.includes('@') ? 'earlier' : 'files', path), target)
  }
}

function identityOf({ author, date }: SampleCommit): Readonly<Record<string, string>> {
  return {
    GIT_AUTHOR_NAME: author.name,
    GIT_AUTHOR_EMAIL: author.email,
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: author.name,
    GIT_COMMITTER_EMAIL: author.email,
    GIT_COMMITTER_DATE: date,
  }
}

type Git = (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<string>

/** git without the machine's own settings, so that no hook, template or signing key has a say. */
function createGit(cwd: string, path: string): Git {
  const isolated = { PATH: path, HOME: cwd, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' }
  return async (args, env = {}) => {
    const { stdout } = await run('git', [...args], { cwd, env: { ...isolated, ...env } })
    return stdout
  }
}
