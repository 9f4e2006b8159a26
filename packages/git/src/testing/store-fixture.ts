import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ObjectId, objectIdSchema } from '@devbot/contracts'
import { openRepositoryStore } from '../bare-repository-store.ts'
import type { RepositoryStoreOptions, TreeChange } from '../repository-store.ts'
import { type GitServer, runGit, startGitServer } from './git-http-server.ts'

export const AUTHOR = { name: 'DevBot', email: 'devbot@example.com' }

/** A server with a person's clone of it, and store folders that vanish with it. */
export async function startFixture() {
  const server = await startGitServer()
  const root = mkdtempSync(join(tmpdir(), 'git-store-'))
  const clone = join(root, 'person')
  runGit(root, ['init', '-q', '--initial-branch=trunk', clone])
  return {
    server,
    root,
    clone,
    directory: join(root, 'store.git'),
    open: (changes: Partial<RepositoryStoreOptions> = {}) => openRepositoryStore(optionsFor(server, root, changes)),
    /** Commits what is in the person's folder and pushes it past the HTTP server. */
    commitAll(message: string, branch = 'trunk'): ObjectId {
      runGit(clone, ['add', '--all', '--force'])
      runGit(clone, ['-c', 'core.autocrlf=false', 'commit', '-q', '--allow-empty', '-m', message])
      runGit(clone, ['push', '-q', '--force', server.repository, `HEAD:refs/heads/${branch}`])
      return objectIdSchema.parse(runGit(clone, ['rev-parse', 'HEAD']).trim())
    },
    serverHead: (branch: string) =>
      runGit(server.repository, ['for-each-ref', '--format=%(objectname)', `refs/heads/${branch}`]).trim(),
    async stop() {
      await server.stop()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

export type Fixture = Awaited<ReturnType<typeof startFixture>>

function optionsFor(server: GitServer, root: string, changes: Partial<RepositoryStoreOptions>): RepositoryStoreOptions {
  return {
    directory: join(root, 'store.git'),
    remoteUrl: server.url,
    credentials: async () => ({ username: 'x-access-token', password: server.access.password }),
    author: AUTHOR,
    networkTimeoutMs: 20_000,
    ...changes,
  }
}

export function put(
  path: string,
  content: string | Uint8Array,
  mode: '100644' | '100755' | '120000' = '100644',
): TreeChange {
  return { kind: 'put', path, mode, bytes: Buffer.from(content) }
}

export function remove(path: string): TreeChange {
  return { kind: 'delete', path }
}
