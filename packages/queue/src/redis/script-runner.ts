import { readFileSync } from 'node:fs'
import { DevBotError } from '@devbot/contracts'
import type { Redis } from 'ioredis'
import { LEDGER_VERSION } from '../records.ts'
import { keyPrefixFor } from './instance-name.ts'
import { toLedgerError } from './redis-errors.ts'
import { redisAddress } from './redis-url.ts'

const SCRIPTS = [
  'add-feedback',
  'add-to-inbox',
  'append-turn',
  'begin-round',
  'create-task',
  'current-pause',
  'deliver',
  'due-tasks',
  'extend-wait',
  'finish-retiring',
  'heartbeat',
  'holds-lease',
  'identity',
  'list-tasks',
  'live-workers',
  'move-task',
  'path-state',
  'plan-task',
  'raise-version',
  'record-event',
  'release',
  'report-worker',
  'remember-left-behind',
  'reserve-spending',
  'retirable-tasks',
  'retire-task',
  'save-checkpoint',
  'save-run',
  'save-task',
  'set-pause',
  'settle-spending',
  'snapshot',
  'spent-on-task',
  'spent-today',
  'take',
  'task-details',
  'waits',
] as const
type ScriptName = (typeof SCRIPTS)[number]

export type ScriptArgument = string | number

/** The one way to Redis: runs a script of `scripts/`, or reads, with errors translated. */
export type ScriptRunner = {
  readonly keyPrefix: string
  /** Arguments become ARGV[2] and following; ARGV[1] is the key prefix. */
  run(name: ScriptName, ...args: readonly ScriptArgument[]): Promise<unknown>
  /** For plain reading commands. */
  read<T>(command: (client: Redis) => Promise<T>): Promise<T>
}

/** Scripts find their keys by the prefix and by what they read, so they need one Redis, not a cluster. */
const NUMBER_OF_KEYS = 0

export function createScriptRunner(client: Redis, options: { redisUrl: string; instance: string }): ScriptRunner {
  const prelude = `local LEDGER_VERSION = ${LEDGER_VERSION}\n${readScript('prelude')}`
  for (const name of SCRIPTS) {
    client.defineCommand(commandName(name), { numberOfKeys: NUMBER_OF_KEYS, lua: `${prelude}\n${readScript(name)}` })
  }
  const address = redisAddress(options.redisUrl)
  const lastError = trackConnectionErrors(client)
  const keyPrefix = keyPrefixFor(options.instance)
  const translated = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw toLedgerError(error, address, lastError())
    }
  }
  return {
    keyPrefix,
    run: (name, ...args) => translated(() => definedCommand(client, name)(keyPrefix, ...args)),
    read: (command) => translated(() => command(client)),
  }
}

function readScript(name: string): string {
  return readFileSync(new URL(`../scripts/${name}.lua`, import.meta.url), 'utf8')
}

/** Apart from the names of Redis' own commands. */
function commandName(name: string): string {
  return `devbot:${name}`
}

function definedCommand(client: Redis, name: ScriptName): (...args: ScriptArgument[]) => Promise<unknown> {
  const command: unknown = Reflect.get(client, commandName(name))
  if (typeof command !== 'function') {
    throw new DevBotError({ category: 'bug', code: 'script-undefined', message: `the script ${name} is not defined` })
  }
  return (...args) => command.apply(client, args)
}

/** What took the connection down last, until it is up again. Listening also keeps the event from ending the process. */
function trackConnectionErrors(client: Redis): () => unknown {
  let lastError: unknown
  client.on('error', (error) => {
    lastError = error
  })
  client.on('ready', () => {
    lastError = undefined
  })
  return () => lastError
}
