import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DevBotError, type ObjectId } from '@devbot/contracts'
import { temporaryFolderOf } from './bare-repository.ts'
import type { Git } from './spawn-git.ts'

/**
 * Git's own strict check of everything a commit adds to what was fetched: the new objects are packed and taken in,
 * in strict mode, by a throwaway object folder, exactly as a strict server would. Costs two processes.
 * Throws DevBotError `invalid-input`, code `git-objects-refused`.
 */
export async function checkNewObjects(git: Git, commitId: ObjectId): Promise<void> {
  const quarantine = join(temporaryFolderOf(git.directory), randomUUID())
  await mkdir(join(quarantine, 'pack'), { recursive: true })
  try {
    const pack = git.stream(['pack-objects', '--revs', '--thin', '--stdout', '-q'], {
      stdin: await revisionsFor(git, commitId),
    })
    await git.run(['index-pack', '--stdin', '--strict', '--fix-thin'], {
      stdin: pack,
      environment: {
        GIT_OBJECT_DIRECTORY: quarantine,
        GIT_ALTERNATE_OBJECT_DIRECTORIES: join(git.directory, 'objects'),
      },
    })
  } catch (error) {
    throw refused(commitId, error)
  } finally {
    await rm(quarantine, { recursive: true, force: true })
  }
}

/** The commit without all that any fetched branch reaches. */
async function revisionsFor(git: Git, commitId: ObjectId): Promise<string> {
  const { stdout } = await git.run(['for-each-ref', '--format=^%(objectname)', 'refs/devbot'])
  return `${commitId}\n${stdout.toString('utf8')}`
}

function refused(commitId: ObjectId, cause: unknown): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'git-objects-refused',
    message: `expected commit ${commitId} to pass git's strict check before it is pushed; ${cause instanceof Error ? cause.message : 'it did not'}`,
    cause,
  })
}
