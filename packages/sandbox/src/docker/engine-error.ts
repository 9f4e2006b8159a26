import { DevBotError } from '@devbot/contracts'

/** Enough for a sentence of the engine or of docker-gate; never a page. */
const MAX_SAID_CHARACTERS = 300

/**
 * Translates what a call to the engine threw, by its status alone. Codes: `engine-unreachable` (no answer at all) and
 * `engine-failed` (5xx) may pass, and say so in `details.passing`; `engine-refused` (4xx) will not. `details.status` is the
 * HTTP status.
 */
export function engineError(what: string, error: unknown, dockerHost: string): DevBotError {
  if (error instanceof DevBotError) return error
  const status = statusOf(error)
  if (status === undefined) return unreachable(what, error, dockerHost)
  const passing = status >= 500
  return new DevBotError({
    category: 'sandbox',
    code: passing ? 'engine-failed' : 'engine-refused',
    message: `While ${what}, the Docker engine (or docker-gate before it) answered with status ${status}: ${saidBy(error)}`,
    cause: error,
    details: { status, passing },
  })
}

function unreachable(what: string, error: unknown, dockerHost: string): DevBotError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'no answer in time'
  return new DevBotError({
    category: 'sandbox',
    code: 'engine-unreachable',
    message:
      `The Docker engine at ${dockerHost} does not answer (${code} while ${what}). Is the engine started, and may DevBot ` +
      'reach it? In compose: is docker-gate healthy? DOCKER_HOST says where the engine is.',
    cause: error,
    details: { passing: true },
  })
}

/** Whether this is the engine being away or failing, which may pass. */
export function isPassing(error: unknown): boolean {
  return error instanceof DevBotError && error.details.passing === true
}

/** What a Unix socket or a port answers while nobody listens there: nothing was sent. */
const NOBODY_LISTENS: readonly unknown[] = ['ECONNREFUSED', 'ENOENT']

/** Whether nobody was there to be asked, as while docker-gate or the engine starts anew. What was to be done was not begun. */
export function isAbsent(error: unknown): boolean {
  const cause = error instanceof DevBotError ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && NOBODY_LISTENS.includes(cause.code)
}

/** Whether the engine said with this error that the thing does not exist. */
export function isNotFound(error: unknown): boolean {
  return engineStatus(error) === 404
}

/** The HTTP status behind a translated error; undefined where there was none. */
export function engineStatus(error: unknown): number | undefined {
  const status = error instanceof DevBotError ? error.details.status : undefined
  return typeof status === 'number' ? status : undefined
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error && 'statusCode' in error)) return undefined
  return typeof error.statusCode === 'number' ? error.statusCode : undefined
}

/** What the engine said, for a person to read: one line, short. Nothing is decided by it. */
function saidBy(error: unknown): string {
  const body = error instanceof Error && 'json' in error ? error.json : undefined
  const said = body instanceof Object && 'message' in body ? String(body.message) : ''
  return oneLine(said) || 'no reason given'
}

/** Foreign text made fit for a message. */
export function oneLine(text: string): string {
  return text
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, MAX_SAID_CHARACTERS)
}

/** For a sentence around it. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
