import { type Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { type EgressLeaseAnswer, egressLeaseSchema } from '@devbot/contracts'
import type { EgressOwner } from './egress.ts'

export type ProxyAnswer =
  | { readonly kind: 'lease'; readonly lease: EgressLeaseAnswer }
  | { readonly kind: 'ended'; readonly problem: string }
  | { readonly kind: 'failed'; readonly problem: string }
  /** It understood, and does not take what it was given. */
  | { readonly kind: 'refused'; readonly problem: string }

/** On a local socket an answer takes milliseconds; the proxy makes at most one file for it. */
const TIMEOUT_MS = 5_000
/** 101 refusals with long hosts and reasons are a tenth of that. */
const MAX_ANSWER_BYTES = 1024 * 1024

type Question = {
  readonly socketPath: string
  readonly agent: Agent
  readonly method: 'PUT' | 'DELETE'
  readonly podId: string
  readonly owner?: EgressOwner
  /** The connection that this or an earlier question went over has ended. */
  readonly onConnectionLost: () => void
}

const watched = new WeakSet<object>()

/** One question to the proxy's control API. Never rejects. */
export async function askEgressProxy(question: Question): Promise<ProxyAnswer> {
  const { owner } = question
  const body = owner && JSON.stringify(bodyOf(owner))
  const asked = request({
    socketPath: question.socketPath,
    agent: question.agent,
    method: question.method,
    path: `/pods/${question.podId}`,
    headers:
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  watchConnection(asked, question.onConnectionLost)
  try {
    const { status, text } = await exchange(asked, body)
    if (status === 204) return { kind: 'ended', problem: 'the pod was ended' }
    if (status === 422) return { kind: 'refused', problem: errorIn(text) }
    if (status !== 200) return { kind: 'failed', problem: `it answered ${status}: ${text.slice(0, 300)}` }
    const lease = egressLeaseSchema.safeParse(JSON.parse(text))
    return lease.success
      ? { kind: 'lease', lease: lease.data }
      : { kind: 'failed', problem: 'its answer is not what this version expects; both have to be of one version' }
  } catch (error) {
    return { kind: 'failed', problem: reasonOf(error) }
  }
}

function bodyOf({ taskId, runId, purpose, allow }: EgressOwner): object {
  return { taskId, runId, purpose, ...(allow !== undefined && allow.length > 0 && { allow }) }
}

function errorIn(text: string): string {
  const told: unknown = JSON.parse(text)
  const error = told instanceof Object && 'error' in told ? String(told.error) : text
  return error.slice(0, 1000)
}

function watchConnection(asked: ClientRequest, onLost: () => void): void {
  asked.once('socket', (socket) => {
    if (watched.has(socket)) return
    watched.add(socket)
    // A connection that never was tells nothing new: whoever asked hears of it.
    socket.once('connect', () => socket.once('close', onLost))
  })
}

async function exchange(
  asked: ClientRequest,
  body: string | undefined,
): Promise<{ readonly status: number; readonly text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  asked.once('response', resolve).on('error', reject).end(body)
  const answer = await promise
  let text = ''
  for await (const chunk of answer.setEncoding('utf8')) {
    text += chunk
    if (text.length > MAX_ANSWER_BYTES) throw new RangeError('its answer is too long')
  }
  return { status: answer.statusCode ?? 0, text }
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'AbortError') return `no answer within ${TIMEOUT_MS / 1000} s`
  if (error instanceof Error && 'code' in error) return String(error.code)
  return error instanceof Error ? error.message : String(error)
}
