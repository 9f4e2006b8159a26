import { chown, readFile, stat } from 'node:fs/promises'
import type { Logger } from '@devbot/config'
import { DevBotError } from '@devbot/contracts'
import { hasCode, type Owner } from './owned-file.ts'

/** Who DevBot's services are where nobody else's files are concerned; the image has this user. */
export const SERVICE_USER: Owner = { uid: 10_001, gid: 10_001 }

/**
 * Whom the services that write reports have to be: the plan folder's owner, so that reports belong to the person whose
 * folder it is. A folder of root's is given to the service user instead, because no service runs as root. Only where
 * the engine runs without root (a user namespace) root is that person, and stays the owner.
 */
export function ownerFor(folder: Owner, inUserNamespace: boolean): { readonly owner: Owner; readonly give: boolean } {
  if (folder.uid !== 0 || inUserNamespace) return { owner: folder, give: false }
  return { owner: SERVICE_USER, give: true }
}

/** Finds the owner and gives the folder away where that is needed; files in it are not touched. */
export async function settlePlanFolder(folder: string, log: Logger): Promise<Owner> {
  const { uid, gid } = await look(folder)
  const { owner, give } = ownerFor({ uid, gid }, await inUserNamespace())
  if (give) {
    await giveFolder(folder, owner)
    log.warn(
      { owner: `${owner.uid}:${owner.gid}` },
      'the plan folder belonged to root; it now belongs to the user DevBot runs as, the files in it were not touched. To have the reports as your own, give the folder to yourself: sudo chown "$(id -u):$(id -g)" <plan folder>, then docker compose up -d --force-recreate',
    )
  }
  return owner
}

async function look(folder: string): Promise<Owner> {
  const found = await stat(folder).catch((cause: unknown) => {
    throw planFolderError(`${folder} cannot be looked at`, cause)
  })
  if (!found.isDirectory()) throw planFolderError(`${folder} is not a folder`)
  return found
}

async function giveFolder(folder: string, owner: Owner): Promise<void> {
  try {
    await chown(folder, owner.uid, owner.gid)
  } catch (cause) {
    const readOnly = hasCode(cause, 'EROFS') ? ' (it is mounted read-only, but reports are written there)' : ''
    throw planFolderError(`the plan folder belongs to root and cannot be given to DevBot's user${readOnly}`, cause)
  }
}

function planFolderError(problem: string, cause?: unknown): DevBotError {
  return new DevBotError({
    category: 'config',
    code: 'plan-folder-owner',
    message: `AI_DOCS_DIR: ${problem}; set it to a folder of your own on this machine`,
    cause,
  })
}

/** Whether root in here is somebody else outside, as with an engine that runs without root. */
async function inUserNamespace(): Promise<boolean> {
  const map = await readFile('/proc/self/uid_map', 'utf8').catch((error: unknown) => {
    // No such file: a kernel without user namespaces.
    if (hasCode(error, 'ENOENT')) return ''
    throw error
  })
  return isMapped(map)
}

/** Reads `/proc/self/uid_map`; the whole machine's own is one line from 0 to 0. */
export function isMapped(map: string): boolean {
  const [inside, outside] = map.trim().split(/\s+/)
  return inside !== undefined && outside !== undefined && inside !== '' && !(inside === '0' && outside === '0')
}
