import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  formatRejection,
  isRejectionText,
  type PlanProblem,
  REJECTION_SUFFIX,
  rejectionFileNameFor,
} from '@devbot/contracts'
import { hasErrorCode } from './error-code.ts'

/** Rejections are a few KiB; a longer file is not ours. */
const MAX_REJECTION_BYTES = 128 * 1024

/**
 * The `<name>.rejected.md` files beside bad plans. Only files that begin with DevBot's own mark are ever replaced or
 * removed; somebody else's file of that name stays, and `write` says so. All of this may be repeated.
 */
export type RejectionFiles = {
  /** `unchanged` when the same text stands there already. Throws what the file system throws. */
  write(planName: string, problems: readonly PlanProblem[]): Promise<'written' | 'unchanged' | 'not-ours'>
  /** Removes the rejection of a plan that is good or gone; true when there was one. */
  remove(planName: string): Promise<boolean>
  /** Removes rejections among these file names that belong to no plan of the folder any more. */
  removeOrphans(fileNames: readonly string[], planNames: readonly string[]): Promise<void>
}

export function createRejectionFiles(directory: string): RejectionFiles {
  async function removeIfOurs(fileName: string): Promise<boolean> {
    const path = join(directory, fileName)
    const existing = await readOurs(path)
    if (existing.kind !== 'ours') return false
    await rm(path, { force: true })
    return true
  }

  return {
    async write(planName, problems) {
      const path = join(directory, rejectionFileNameFor(planName))
      const text = formatRejection(planName, problems)
      const existing = await readOurs(path)
      if (existing.kind === 'foreign') return 'not-ours'
      if (existing.kind === 'ours' && existing.text === text) return 'unchanged'
      await replaceFile(directory, path, text)
      return 'written'
    },
    remove: (planName) => removeIfOurs(rejectionFileNameFor(planName)),
    async removeOrphans(fileNames, planNames) {
      const wanted = new Set(planNames.map(rejectionFileNameFor))
      const orphans = fileNames.filter((name) => name.toLowerCase().endsWith(REJECTION_SUFFIX) && !wanted.has(name))
      for (const name of orphans) await removeIfOurs(name)
    },
  }
}

type Existing = { readonly kind: 'none' | 'foreign' } | { readonly kind: 'ours'; readonly text: string }

async function readOurs(path: string): Promise<Existing> {
  let handle: FileHandle
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return { kind: 'none' }
    // A link, a socket, or not to be read: not a file that we wrote.
    if (hasErrorCode(error, 'ELOOP', 'ENXIO', 'EACCES', 'EPERM')) return { kind: 'foreign' }
    throw error
  }
  await using file = handle
  const stats = await file.stat()
  if (!stats.isFile() || stats.size > MAX_REJECTION_BYTES) return { kind: 'foreign' }
  const text = await file.readFile('utf8')
  return isRejectionText(text) ? { kind: 'ours', text } : { kind: 'foreign' }
}

/** By a hidden file and a rename, so that nobody ever sees half a rejection; owned by the owner of the folder. */
async function replaceFile(directory: string, path: string, text: string): Promise<void> {
  const temporary = join(directory, `.devbot-rejection-${randomBytes(6).toString('hex')}.tmp`)
  try {
    await using file = await open(temporary, 'wx', 0o644)
    await file.writeFile(text)
    await giveToFolderOwner(file, directory)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

async function giveToFolderOwner(file: FileHandle, directory: string): Promise<void> {
  const { uid, gid } = await stat(directory)
  try {
    await file.chown(uid, gid)
  } catch (error) {
    // Only root may give files away; anybody else wrote it as the user they are, which is all there is to do.
    if (!hasErrorCode(error, 'EPERM', 'EINVAL', 'ENOSYS', 'ENOTSUP')) throw error
  }
}
