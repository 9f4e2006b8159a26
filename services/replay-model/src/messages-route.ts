import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from '@devbot/config'
import type { Request, Response } from 'express'
import { playFault, sendReply } from './answer.ts'
import { headerProblem } from './check-headers.ts'
import { type ChosenTurn, chooseTurn } from './choose-turn.ts'
import type { Faults } from './faults.ts'
import type { Journal } from './journal.ts'
import { promptBlocks } from './prompt-blocks.ts'
import type { PromptCache } from './prompt-cache.ts'
import { errorBody, type Refusal, refusal } from './refusal.ts'
import { type Reply, replyFor } from './reply.ts'
import { type MessagesRequest, parseRequest } from './request.ts'
import { requestProblem } from './request-rules.ts'
import type { Fault, Trajectory } from './trajectory.ts'

export type RouteParts = {
  readonly apiKey: string
  readonly trajectories: readonly Trajectory[]
  readonly cache: PromptCache
  readonly faults: Faults
  readonly journal: Journal
  readonly log: Logger
  readonly onRequest?: ((request: MessagesRequest) => void | Promise<void>) | undefined
}

/** `POST /v1/messages`: check as the API would, find the recorded turn, play it. */
export function createMessagesRoute(parts: RouteParts): (request: Request, response: Response) => Promise<void> {
  return async (http, response) => {
    const requestId = newRequestId(response)
    const refused = headerProblem(http.headers, parts.apiKey)
    const request = refused ?? parseRequest(http.body)
    const problem = 'rule' in request ? request : requestProblem(request, String(http.headers['anthropic-version']))
    if (problem !== undefined || 'rule' in request) {
      refuse(parts, response, requestId, problem ?? refusal('request-shape', 'the request is malformed'))
      return
    }
    await parts.onRequest?.(request)
    const chosen = chooseTurn(parts.trajectories, request)
    if ('rule' in chosen) {
      refuse(parts, response, requestId, chosen)
      return
    }
    await play(parts, response, { requestId, request, chosen })
  }
}

type Played = { readonly requestId: string; readonly request: MessagesRequest; readonly chosen: ChosenTurn }

async function play(parts: RouteParts, response: Response, { requestId, request, chosen }: Played): Promise<void> {
  const blocks = promptBlocks(request)
  const fault = parts.faults.next({
    fingerprint: blocks.at(-1)?.prefixHash ?? '',
    model: request.model,
    recorded: chosen.turn.faults,
  })
  const stream = request.stream === true
  const delayMs = chosen.turn.delayMs + (fault !== undefined && 'delayMs' in fault ? fault.delayMs : 0)
  if (delayMs > 0) await wait(delayMs)
  // A client that is gone is billed nothing and caches nothing: the request counts as not made.
  if (response.destroyed) return

  const failed = fault === undefined || 'delayMs' in fault ? undefined : fault
  const unbilled = { inputTokens: 0, readTokens: 0, written: { '5m': 0, '1h': 0 } }
  const automatic = request.cache_control ? (request.cache_control.ttl ?? '5m') : undefined
  const input =
    failed === undefined || 'cut' in failed || 'endAfter' in failed || 'garbled' in failed
      ? parts.cache.bill(blocks, automatic)
      : unbilled
  const reply = replyFor(chosen, request, blocks, input)
  const tooLong = lengthProblem(reply, request, chosen)
  if (tooLong !== undefined) {
    refuse(parts, response, requestId, tooLong)
    return
  }
  record(parts, { requestId, request, chosen }, reply, failed)
  if (failed === undefined) sendReply(response, reply, stream)
  else await playFault(response, failed, reply, { stream, requestId })
}

/** A recorded reply never ends early by itself; a budget below it would cut a real one off. */
function lengthProblem(reply: Reply, request: MessagesRequest, chosen: ChosenTurn): Refusal | undefined {
  if (reply.usage.output_tokens <= request.max_tokens) return undefined
  return refusal(
    'reply-too-long',
    `replay: turn ${chosen.index + 1} of trajectory "${chosen.trajectory}" takes ${reply.usage.output_tokens} tokens, max_tokens is ${request.max_tokens}`,
  )
}

function record(parts: RouteParts, played: Played, reply: Reply, failed: Fault | undefined): void {
  const summary = {
    requestId: played.requestId,
    at: new Date().toISOString(),
    model: played.request.model,
    messages: played.request.messages.length,
    tools: (played.request.tools ?? []).map((tool) => tool.name),
    stream: played.request.stream === true,
    trajectory: played.chosen.trajectory,
    turn: played.chosen.index + 1,
    calls: played.chosen.turn.calls.map((call) => call.tool),
    ...(failed === undefined ? { usage: reply.usage } : { fault: nameOf(failed) }),
  }
  parts.journal.addRequest(summary)
  parts.log.debug(summary, 'request played')
}

function nameOf(fault: Fault): string {
  if ('status' in fault) return `status ${fault.status}`
  return Object.keys(fault).find((key) => key !== 'times' && key !== 'model') ?? 'fault'
}

function refuse(parts: RouteParts, response: Response, requestId: string, problem: Refusal): void {
  parts.journal.addViolation({ requestId, at: new Date().toISOString(), ...problem })
  parts.log.warn({ requestId, ...problem }, 'a request was refused')
  response.status(problem.status).json(errorBody(problem.status, problem.message, requestId))
}

function newRequestId(response: Response): string {
  const requestId = `req_011C${randomBytes(12).toString('hex').slice(0, 20)}`
  response.set('request-id', requestId)
  return requestId
}
