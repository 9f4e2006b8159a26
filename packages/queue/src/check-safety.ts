import { DevBotError } from '@devbot/contracts'
import { Redis } from 'ioredis'
import { LEDGER_VERSION } from './records.ts'
import { COMMAND_TIMEOUT_MS } from './redis/connect-redis.ts'
import { isLoopbackAddress, redisAddress, withoutCredentials } from './redis/redis-url.ts'
import type { ScriptRunner } from './redis/script-runner.ts'

/** What the ledger's promises rest on, each with what the operator does about a different value. */
const REQUIRED_SETTINGS = [
  { name: 'maxmemory-policy', value: 'noeviction', why: 'any other policy throws records away when memory is short' },
  { name: 'appendonly', value: 'yes', why: 'without it a restart loses everything' },
  { name: 'appendfsync', value: 'always', why: 'without it the last second of accepted work is lost in a crash' },
] as const

/** Implements `Ledger.checkSafety`. */
export async function checkSafety(scripts: ScriptRunner, redisUrl: string): Promise<void> {
  const findings = [
    ...(await settingFindings(scripts)),
    ...(await passwordFindings(redisUrl)),
    ...(await versionFindings(scripts)),
  ]
  if (findings.length === 0) return
  throw new DevBotError({
    category: 'config',
    code: 'ledger-unsafe',
    message: `Redis at ${redisAddress(redisUrl)} is not safe for DevBot:\n${findings.map((line) => `- ${line}`).join('\n')}`,
    details: { findings: findings.length },
  })
}

async function settingFindings(scripts: ScriptRunner): Promise<string[]> {
  const findings: string[] = []
  for (const { name, value, why } of REQUIRED_SETTINGS) {
    const actual = await readSetting(scripts, name)
    if (actual === value) continue
    findings.push(
      actual === undefined
        ? `${name} could not be read: allow this user \`+config|get\`, so that "${name} ${value}" can be checked (${why})`
        : `${name} is "${actual}": put "${name} ${value}" into redis.conf and restart Redis (${why})`,
    )
  }
  return findings
}

/** Undefined when Redis does not let this user read its settings, or has the command switched off. */
async function readSetting(scripts: ScriptRunner, name: string): Promise<string | undefined> {
  try {
    const reply: unknown = await scripts.read((client) => client.config('GET', name))
    const value: unknown = Array.isArray(reply) ? reply[1] : undefined
    return typeof value === 'string' ? value : undefined
  } catch (error) {
    if (error instanceof DevBotError && error.category === 'transient') throw error
    return undefined
  }
}

async function passwordFindings(redisUrl: string): Promise<string[]> {
  if (isLoopbackAddress(redisUrl) || !(await answersStrangers(redisUrl))) return []
  return [
    'it answers without a password although it is reached over a network: set "requirepass" (or an ACL user) in ' +
      'redis.conf and put the password into REDIS_URL',
  ]
}

/** Whether a connection without user and password may ask anything. */
export async function answersStrangers(redisUrl: string): Promise<boolean> {
  const stranger = new Redis(withoutCredentials(redisUrl), {
    lazyConnect: true,
    connectTimeout: COMMAND_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    retryStrategy: () => null,
  })
  // A refusal is what is hoped for; connect() reports it as well.
  stranger.on('error', () => undefined)
  try {
    await stranger.connect()
    await stranger.ping()
    return true
  } catch {
    // Refused, or not reachable any more; in both cases nothing was answered.
    return false
  } finally {
    stranger.disconnect()
  }
}

async function versionFindings(scripts: ScriptRunner): Promise<string[]> {
  const version = Number(await scripts.read((client) => client.get(`${scripts.keyPrefix}schema`)))
  if (version <= LEDGER_VERSION) return []
  return [
    `its records have version ${version}, this DevBot knows up to ${LEDGER_VERSION}: a newer DevBot wrote them. Start ` +
      'that version again, or use another DEVBOT_INSTANCE',
  ]
}
