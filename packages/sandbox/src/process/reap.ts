import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { removeFolder } from './remove-folder.ts'
import { ownerIsAlive } from './sandbox-id.ts'
import { killStragglers } from './stragglers.ts'

/** Where an instance's sandboxes are. The hash keeps two instances apart whose names are no file names. */
export function instanceFolder(rootDirectory: string, instance: string): string {
  const readable = instance.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 40)
  return join(rootDirectory, `${readable}-${createHash('sha256').update(instance).digest('hex').slice(0, 8)}`)
}

/** Removes the sandboxes of one instance whose owner is dead, with what still runs in them. Returns how many. */
export async function reapDeadSandboxes(folder: string): Promise<number> {
  const ids = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [] // none was made yet
    throw error
  })
  let removed = 0
  for (const id of ids) {
    if ((await ownerIsAlive(id)) !== false) continue
    await killStragglers({ mark: sandboxMark(id), folder: join(folder, id) })
    await removeFolder(join(folder, id))
    removed += 1
  }
  return removed
}

/** What every process of a sandbox has in its environment. */
export function sandboxMark(id: string): string {
  return `DEVBOT_SANDBOX=${id}`
}
