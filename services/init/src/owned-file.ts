import { randomBytes } from 'node:crypto'
import { chmod, chown, lchown, lstat, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Numbers of a user and a group. */
export type Owner = { readonly uid: number; readonly gid: number }

/** 32 random bytes as hexadecimal digits. */
export function newSecret(): string {
  return randomBytes(32).toString('hex')
}

/** The file's text without a trailing line end, or undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).replace(/\n$/, '')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/**
 * Makes the file hold exactly this text, owner and mode. It is replaced whole: a reader sees the old one or the new
 * one, never a half, and never with a wider mode. One that is right already is left alone.
 */
export async function writeOwnedFile(path: string, text: string, owner: Owner, mode: number): Promise<void> {
  if (await isAlready(path, text, owner, mode)) return
  const draft = `${path}.new`
  await rm(draft, { force: true })
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(`${text}\n`)
    await file.chmod(mode)
    await file.chown(owner.uid, owner.gid)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, path)
  await syncFolder(dirname(path))
}

async function isAlready(path: string, text: string, owner: Owner, mode: number): Promise<boolean> {
  if ((await readIfThere(path)) !== text) return false
  const found = await stat(path)
  return found.uid === owner.uid && found.gid === owner.gid && (found.mode & 0o7777) === mode
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Makes sure that the folder is there with this owner and mode; what is in it keeps its own. */
export async function ensureFolder(path: string, owner: Owner, mode: number): Promise<void> {
  await mkdir(path, { recursive: true })
  const found = await stat(path)
  if (found.uid === owner.uid && found.gid === owner.gid && (found.mode & 0o7777) === mode) return
  // A set-group-id bit is taken away again from whoever is not of the folder's group: first ours, then theirs.
  await chown(path, process.getuid?.() ?? 0, process.getgid?.() ?? 0)
  await chmod(path, mode)
  await chown(path, owner.uid, owner.gid)
}

/**
 * Gives a folder and all in it to the owner, unless the folder is the owner's already. The folder itself changes hands
 * last: when this is interrupted, the next time begins anew. Links are given, never followed. Answers whether it did.
 */
export async function giveTree(path: string, owner: Owner): Promise<boolean> {
  const found = await lstat(path)
  if (found.uid === owner.uid && found.gid === owner.gid) return false
  for (const entry of await readdir(path, { withFileTypes: true })) await giveEntry(join(path, entry.name), owner)
  await chown(path, owner.uid, owner.gid)
  return true
}

async function giveEntry(path: string, owner: Owner): Promise<void> {
  const entry = await lstat(path)
  if (entry.isDirectory()) {
    for (const name of await readdir(path)) await giveEntry(join(path, name), owner)
  }
  await lchown(path, owner.uid, owner.gid)
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
