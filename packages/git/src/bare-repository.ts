import { randomUUID } from 'node:crypto'
import type { Dirent } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { STORE_ATTRIBUTES, STORE_CONFIG } from './git-environment.ts'

/** A ref is locked for milliseconds; a lock this old was left by a process that was killed. */
const STALE_LOCK_MS = 60_000
/** No operation of ours takes an hour; temporary files this old are left-overs. */
const STALE_TEMPORARY_MS = 3_600_000

/** Where temporary indexes and quarantines live; every use takes a new name below it. */
export function temporaryFolderOf(directory: string): string {
  return join(directory, 'devbot-tmp')
}

/**
 * Makes the bare repository, or completes what a crash left of it. The layout is git's documented one
 * (gitrepository-layout), written by hand: unlike `git init` this may run twice at the same moment. HEAD points at a
 * branch that never exists, so that nothing fetched can become "the" branch.
 */
export async function makeBareRepository(directory: string): Promise<void> {
  const folders = ['objects/info', 'objects/pack', 'refs/heads', 'info', 'empty-home', 'devbot-tmp']
  for (const folder of folders) await mkdir(join(directory, folder), { recursive: true })
  await replaceFile(directory, 'config', STORE_CONFIG)
  await replaceFile(directory, 'info/attributes', STORE_ATTRIBUTES)
  await replaceFile(directory, 'HEAD', 'ref: refs/heads/none\n')
}

async function replaceFile(directory: string, name: string, content: string): Promise<void> {
  const temporary = join(temporaryFolderOf(directory), randomUUID())
  await writeFile(temporary, content)
  await rename(temporary, join(directory, name))
}

/** Removes what killed processes left: locks, half-written packs, temporary folders. Live ones are younger. */
export async function removeLeftovers(directory: string, nowMs: number): Promise<void> {
  await removeOld(join(directory, 'refs'), nowMs - STALE_LOCK_MS, (name) => name.endsWith('.lock'))
  await removeOld(directory, nowMs - STALE_LOCK_MS, (name) => name.endsWith('.lock'), false)
  await removeOld(join(directory, 'objects/pack'), nowMs - STALE_TEMPORARY_MS, (name) => name.startsWith('tmp_'))
  await removeOld(temporaryFolderOf(directory), nowMs - STALE_TEMPORARY_MS, () => true, false)
}

async function removeOld(
  folder: string,
  olderThanMs: number,
  isLeftover: (name: string) => boolean,
  recursive = true,
): Promise<void> {
  const entries: Dirent[] = await readdir(folder, { withFileTypes: true, recursive })
  for (const entry of entries) {
    if (!isLeftover(entry.name)) continue
    const path = join(entry.parentPath, entry.name)
    // Another run may have removed it between the listing and now.
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined && found.mtimeMs < olderThanMs) await rm(path, { recursive: true, force: true })
  }
}
