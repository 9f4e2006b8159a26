import { chmod, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Removes a folder with all its content, folders that were made read-only included. Links are never followed. */
export async function removeFolder(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true })
  } catch (error) {
    if (!isDenied(error)) throw error
    await unlockFolders(folder)
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function unlockFolders(folder: string): Promise<void> {
  await chmod(folder, 0o700)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await unlockFolders(join(folder, entry.name))
  }
}

function isDenied(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'EACCES' || code === 'EPERM' || code === 'ENOTEMPTY'
}
