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
  let removed = 0
  for (const id of await foldersIn(folder)) {
    if ((await ownerIsAlive(id)) !== false) continue
    await killStragglers({ mark: sandboxMark(id), folder: join(folder, id) })
    await removeFolder(join(folder, id))
    removed += 1
  }
  return removed
}

/** How many sandboxes an instance has there, of living owners and dead ones. */
export async function countSandboxes(folder: string): Promise<number> {
  const owners = await Promise.all((await foldersIn(folder)).map(ownerIsAlive))
  return owners.filter((alive) => alive !== undefined).length
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [] // none was made yet
    throw error
  })
}

/** What every process of a sandbox has in its environment. */
export function sandboxMark(id: string): string {
  return `DEVBOT_SANDBOX=${id}`
}
