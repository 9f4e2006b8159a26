import { access, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MEMORY_FOLDER = '/dev/shm'

/**
 * A worker's data folder whose sandboxes lie in memory where that is possible: the containers' workspaces do (DESIGN.md
 * section 7), and a slow disk would only make the runs long that follow what is measured.
 */
export async function makeDataDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'devbot-bench-data-'))
  const memory = await access(MEMORY_FOLDER).then(
    () => mkdtemp(join(MEMORY_FOLDER, 'devbot-bench-')),
    // Not Linux, or a container without it: the disk will do.
    () => undefined,
  )
  if (memory === undefined) await mkdir(join(path, 'sandboxes'))
  else await symlink(memory, join(path, 'sandboxes'))
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      if (memory !== undefined) await rm(memory, { recursive: true, force: true })
      await rm(path, { recursive: true, force: true })
    },
  }
}
