import { DevBotError } from '@devbot/contracts'

/** Reply codes by which Redis says that user, password or rights are wrong (redis.io, ACL and AUTH). */
const REFUSALS = new Set(['WRONGPASS', 'NOAUTH', 'NOPERM'])
/** Reply codes for states that pass or that an operator mends without touching DevBot: loading, disk or memory full. */
const PASSING = new Set(['LOADING', 'BUSY', 'MASTERDOWN', 'READONLY', 'OOM', 'MISCONF', 'NOREPLICAS', 'TRYAGAIN'])

/**
 * Translates whatever the Redis client threw. `config` (`ledger-refused`) when Redis refuses user or rights,
 * `transient` (`ledger-unavailable`) when it does not answer or cannot serve now, `bug` for any other error reply.
 * `lastConnectionError` tells why the connection is down, which the error of a single command does not.
 */
export function toLedgerError(error: unknown, address: string, lastConnectionError?: unknown): DevBotError {
  if (error instanceof DevBotError) return error
  const reason = replyCode(error) === undefined ? (lastConnectionError ?? error) : error
  const code = replyCode(reason)
  if (code !== undefined && REFUSALS.has(code)) return refused(code, address, reason)
  if (code === undefined || PASSING.has(code)) return unavailable(address, reason)
  return new DevBotError({
    category: 'bug',
    code: 'ledger-command-refused',
    message: `Redis at ${address} refused a command of DevBot's own: ${describe(reason)}`,
    cause: withoutArguments(reason),
  })
}

/** The first word of an error reply, which the protocol defines as its code; undefined for anything else. */
function replyCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined
  return /^-?([A-Z]+)\b/.exec(error.message)?.[1] ?? 'ERR'
}

function refused(code: string, address: string, cause: unknown): DevBotError {
  const rights = code === 'NOPERM'
  return new DevBotError({
    category: 'config',
    code: 'ledger-refused',
    message: rights
      ? `Redis at ${address} forbids this user a command or key (NOPERM): grant it the keys and commands that docs name`
      : `Redis at ${address} refused the user or password in REDIS_URL (${code}): put the right ones there`,
    cause: withoutArguments(cause),
  })
}

function unavailable(address: string, cause: unknown): DevBotError {
  return new DevBotError({
    category: 'transient',
    code: 'ledger-unavailable',
    message: `expected an answer from Redis at ${address}, but: ${describe(cause)}`,
    cause: withoutArguments(cause),
  })
}

function describe(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : 'unknown trouble'
  return text.slice(0, 300)
}

/** The client hangs the command's arguments on its errors: passwords and whole plans. They must not reach a log. */
function withoutArguments(error: unknown): Error {
  const copy = new Error(describe(error))
  if (error instanceof Error && error.stack !== undefined) copy.stack = error.stack
  return copy
}
