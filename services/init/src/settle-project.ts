import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger, Secret } from '@devbot/config'
import { ensureFolder, giveTree, newSecret, type Owner, readIfThere, writeOwnedFile } from './owned-file.ts'
import { SERVICE_USER, settlePlanFolder } from './plan-folder-owner.ts'
import { settleRedis } from './redis-access.ts'

/** docker-gate's user: not the services', so that nobody but the gate reaches the engine's socket. */
export const GATE_USER_ID = 10_002

/** Where init has the volumes of the project; each service mounts only its own. */
export type ProjectFolders = {
  readonly plans: string
  readonly redisConfiguration: string
  readonly redisData: string
  /** For watcher, ingress, worker and command line: Redis' address, and whose files they write. */
  readonly ledger: string
  /** For ingress and command line. */
  readonly webhook: string
  readonly data: string
  readonly gate: string
  readonly egress: string
  readonly egressControl: string
  readonly demo: string
}

/**
 * Prepares everything the services find at their start. Safe to repeat: what is there is kept, what differs is put
 * right. No secret is logged or leaves the volumes.
 */
export async function settleProject(
  folders: ProjectFolders,
  options: { readonly webhookSecret: Secret | undefined; readonly log: Logger },
): Promise<void> {
  const { log } = options
  const owner = await settlePlanFolder(folders.plans, log)
  const redisUrl = await settleRedis({ configuration: folders.redisConfiguration, data: folders.redisData })
  await settleLedgerAccess(folders.ledger, owner, redisUrl)
  const webhook = await settleWebhookSecret(folders.webhook, owner, options.webhookSecret)
  if (await giveTree(folders.data, owner)) log.info('the data volume was given to the owner of the plan folder')
  await settleSocketFolders(folders, owner)
  // The demo's settings stand only as long as the demo is asked for: its own init writes them after this one.
  await rm(join(folders.demo, 'settings.env'), { force: true })
  log.info({ owner: `${owner.uid}:${owner.gid}`, webhookSecret: webhook }, 'init done')
}

async function settleLedgerAccess(folder: string, owner: Owner, redisUrl: string): Promise<void> {
  await ensureFolder(folder, { uid: 0, gid: 0 }, 0o755)
  await writeOwnedFile(join(folder, 'redis-url'), redisUrl, sharedWithServices(owner), 0o440)
  await writeOwnedFile(join(folder, 'owner'), `${owner.uid}:${owner.gid}`, { uid: 0, gid: 0 }, 0o444)
}

/** The operator's secret wins; without one, what was made before stays. */
async function settleWebhookSecret(folder: string, owner: Owner, given: Secret | undefined): Promise<string> {
  await ensureFolder(folder, { uid: 0, gid: 0 }, 0o755)
  const path = join(folder, 'webhook-secret')
  const before = await readIfThere(path)
  const secret = given?.reveal() ?? before ?? newSecret()
  await writeOwnedFile(path, secret, sharedWithServices(owner), 0o440)
  if (secret === before) return 'kept'
  return given === undefined ? 'made' : "the operator's"
}

/** Read by the plan folder's owner (watcher, worker, command line) and by the group of the other services. */
function sharedWithServices(owner: Owner): Owner {
  return { uid: owner.uid, gid: SERVICE_USER.gid }
}

/**
 * Folders of Unix sockets. Who makes the socket owns the folder; who connects is of its group, which a new socket
 * inherits. Anchors are neither: they may pass through the egress folder, but not list it.
 */
async function settleSocketFolders(folders: ProjectFolders, owner: Owner): Promise<void> {
  await ensureFolder(folders.gate, { uid: GATE_USER_ID, gid: owner.gid }, 0o2750)
  await ensureFolder(folders.egressControl, { uid: SERVICE_USER.uid, gid: owner.gid }, 0o2750)
  await ensureFolder(folders.egress, SERVICE_USER, 0o711)
}
