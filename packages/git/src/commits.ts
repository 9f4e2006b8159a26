import { DevBotError, type ObjectId, objectIdSchema } from '@devbot/contracts'
import type { RepositoryStore, RepositoryStoreOptions } from './repository-store.ts'
import type { Git } from './spawn-git.ts'

/** A commit message beyond this is no message. */
const MAX_MESSAGE_BYTES = 1024 * 1024

export async function hasCommit(git: Git, commitId: ObjectId): Promise<boolean> {
  // 1: the object is missing; 128: it is no commit.
  const { exitCode } = await git.run(['cat-file', '-e', `${commitId}^{commit}`], { answers: [0, 1, 128] })
  return exitCode === 0
}

export async function treeOf(git: Git, commitId: ObjectId): Promise<ObjectId> {
  return resolve(git, `${commitId}^{tree}`)
}

/** The object id a revision names. Throws when there is none. */
export async function resolve(git: Git, revision: string): Promise<ObjectId> {
  const { stdout } = await git.run(['rev-parse', '--verify', '--quiet', '--end-of-options', revision])
  return objectIdSchema.parse(stdout.toString('utf8').trim())
}

export async function commitMessage(git: Git, commitId: ObjectId): Promise<string> {
  const { stdout } = await git.run(['cat-file', 'commit', commitId], {
    maxOutputBytes: MAX_MESSAGE_BYTES,
    onOverflow: 'cut',
  })
  const raw = stdout.toString('utf8')
  const headerEnd = raw.indexOf('\n\n')
  return headerEnd === -1 ? '' : raw.slice(headerEnd + 2)
}

export async function isAncestor(git: Git, ancestorId: ObjectId, descendantId: ObjectId): Promise<boolean> {
  if (!(await hasCommit(git, ancestorId))) return false
  const { exitCode } = await git.run(['merge-base', '--is-ancestor', ancestorId, descendantId], { answers: [0, 1] })
  return exitCode === 0
}

export async function mergeBase(git: Git, first: ObjectId, second: ObjectId): Promise<ObjectId | undefined> {
  const { exitCode, stdout } = await git.run(['merge-base', first, second], { answers: [0, 1] })
  return exitCode === 0 ? objectIdSchema.parse(stdout.toString('utf8').trim()) : undefined
}

/** Makes a commit with DevBot's identity and the given time, in UTC; the message goes in by stdin. */
export async function writeCommit(
  git: Git,
  author: RepositoryStoreOptions['author'],
  input: Parameters<RepositoryStore['commit']>[0],
): Promise<ObjectId> {
  if (input.message.includes('\0') || input.message.trim() === '') throw badMessage()
  // The "@" keeps git from reading small numbers as calendar dates.
  const date = `@${Math.floor(input.atMs / 1000)} +0000`
  const parents = input.parents.flatMap((parent) => ['-p', parent])
  const { stdout } = await git.run(['commit-tree', ...parents, '-F', '-', input.treeId], {
    stdin: input.message,
    environment: {
      GIT_AUTHOR_NAME: author.name,
      GIT_AUTHOR_EMAIL: author.email,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: author.name,
      GIT_COMMITTER_EMAIL: author.email,
      GIT_COMMITTER_DATE: date,
    },
  })
  return objectIdSchema.parse(stdout.toString('utf8').trim())
}

function badMessage(): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'git-message-refused',
    message: 'expected a commit message with text and without NUL characters',
  })
}
