import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { ensureFolder, newSecret, type Owner, readIfThere, writeOwnedFile } from './owned-file.ts'

/** Redis' user in its official image (Debian variants). */
export const REDIS_USER: Owner = { uid: 999, gid: 999 }
const ROOT: Owner = { uid: 0, gid: 0 }

/**
 * The password between Redis and the services: made once, kept with the configuration, handed to the services as an
 * address. Answers the address; it goes nowhere else.
 */
export async function settleRedis(folders: { readonly configuration: string; readonly data: string }): Promise<string> {
  await ensureFolder(folders.configuration, ROOT, 0o755)
  const passwordFile = join(folders.configuration, 'password')
  const password = (await readIfThere(passwordFile)) ?? newSecret()
  await writeOwnedFile(passwordFile, password, REDIS_USER, 0o400)
  await writeOwnedFile(join(folders.configuration, 'redis.conf'), redisConfiguration(password), REDIS_USER, 0o400)
  await ensureFolder(folders.data, REDIS_USER, 0o700)
  return `redis://devbot:${password}@redis:6379`
}

/**
 * The ledger's Redis: every write is on disk before it is answered, nothing is ever evicted, nobody without the
 * password. The user may do what DevBot does and no more: no settings changed, nothing flushed or shut down.
 */
export function redisConfiguration(password: string): string {
  const hash = createHash('sha256').update(password).digest('hex')
  return [
    '# Written by the service init at every start; changes here do not last.',
    'port 6379',
    'protected-mode yes',
    'dir /data',
    'appendonly yes',
    'appendfsync always',
    'save ""',
    // Full means refused, and said so, well before the container's memory limit would end the process.
    'maxmemory 512mb',
    'maxmemory-policy noeviction',
    // Nobody can be this user, but Redis is when it reads its append-only file at a start: without these rights it
    // refuses the transactions in it, goes on, and has lost them (seen with 7.0).
    'user default off ~* &* +@all',
    `user devbot on #${hash} ~* &* +@all -@dangerous +config|get +info`,
  ].join('\n')
}
