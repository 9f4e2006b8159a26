import type { AgentEvent } from './agent-event.ts'
import { answerCalls } from './answer-calls.ts'
import { deadlineReached, limitReached } from './check-limits.ts'
import { offersOf, type ToolSet } from './create-tools.ts'
import type { ModelClient, ModelMessage, ModelReply, ModelUsage } from './model-client.ts'
import { nativeProtocol } from './native-protocol.ts'
import type {
  AgentEnding,
  AgentLimits,
  AgentTotals,
  FinishClaim,
  FinishVerdict,
  Spending,
  TurnRecorder,
  Workspace,
} from './ports.ts'
import { costMicroUsd, countUsage } from './prices.ts'
import { runUntil } from './run-until.ts'
import { createStuckGuard } from './stuck-guard.ts'
import type { ToolAnswer, ToolProtocol } from './tool-protocol.ts'

export type AgentInput = {
  readonly model: ModelClient
  /** How tools are offered and calls are read; the API's own tool use by default. */
  readonly protocol?: ToolProtocol
  readonly tools: ToolSet
  /** May still be getting ready while the first request is under way; called when the first tool runs. */
  readonly workspace: () => Promise<Workspace>
  readonly systemPrompt: string
  readonly firstMessage: string
  readonly recorder: TurnRecorder
  readonly spending: Spending
  readonly limits: AgentLimits
  /** Texts that arrived meanwhile, each once; they go into the next user message as they are. */
  readonly drainNotes: () => Promise<readonly string[]>
  readonly judgeFinish: (claim: FinishClaim) => Promise<FinishVerdict>
  readonly onEvent: (event: AgentEvent) => void
  readonly signal: AbortSignal
  /** UTC milliseconds, the clock of `limits.deadlineMs`. */
  readonly now: () => number
}

export type AgentResult = { readonly ending: AgentEnding; readonly totals: AgentTotals }

/** Replies without a call until the agent is given up: the first is answered with a nudge. A pause is the API's doing. */
const SILENT_REPLIES = 2
const PAUSES = 5

/**
 * The loop of one run: ask the model, record its reply, run the tools it asked for, record their results, and again,
 * until it finishes, gives up, reaches a limit or is stopped. How it ends is a value. Throws only what ends the attempt:
 * the model's errors after their retries, a dead sandbox, a recorder or ledger that cannot write.
 */
export async function runAgent(input: AgentInput): Promise<AgentResult> {
  using until = runUntil(input.signal, input.limits.deadlineMs - input.now())
  const totals = { turns: 0, costMicroUsd: 0, inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }
  const ending = await takeTurns({ ...input, stop: until.signal, totals, messages: [], usedIds: new Set() })
  return { ending, totals: { ...totals } }
}

type Run = AgentInput & {
  /** Ends with the caller's signal and at the deadline. */
  readonly stop: AbortSignal
  readonly totals: { -readonly [Key in keyof AgentTotals]: number }
  /** Append-only, so that every request begins with the one before it. */
  readonly messages: ModelMessage[]
  readonly usedIds: Set<string>
}

async function takeTurns(run: Run): Promise<AgentEnding> {
  const protocol = run.protocol ?? nativeProtocol
  const guard = createStuckGuard()
  let answers: readonly ToolAnswer[] = []
  let texts: readonly string[] = [run.firstMessage]
  let silentReplies = 0

  for (let turn = 1; ; turn += 1) {
    const stopped = stopOf(run) ?? (await limitOf(run))
    if (stopped !== undefined) return stopped
    run.messages.push(protocol.answer(answers, [...texts, ...(await run.drainNotes())]))
    run.onEvent({ kind: 'turn-start', turn })
    const startedMs = run.now()
    const asked = await askModel(run, protocol, turn)
    if (asked === undefined) return stopOf(run) ?? { kind: 'aborted' }

    const { reply, calls, costMicroUsd } = asked
    const ended = endingOf(reply)
    const toAnswer =
      ended === undefined ? calls : calls.map((call) => ({ ...call, refusal: 'Not run: the run ended here.' }))
    const answered = await answerCalls(toAnswer, { ...run, turn, signal: run.stop })
    run.onEvent({
      kind: 'turn-end',
      turn,
      costMicroUsd,
      durationMs: run.now() - startedMs,
      stopReason: reply.stopReason,
    })

    if (ended !== undefined) return ended
    if (answered.finished !== undefined) return { kind: 'finished', claim: answered.finished }
    if (stopOf(run) === undefined) {
      const circle = guard.note(answered.answers)
      if (circle !== undefined) return { kind: 'gave-up', reason: `The agent went in circles: ${circle}.` }
    }
    silentReplies = calls.length > 0 ? 0 : silentReplies + 1
    if (silentReplies >= (reply.stopReason === 'pause_turn' ? PAUSES : SILENT_REPLIES)) {
      return { kind: 'gave-up', reason: `The agent replied ${silentReplies} times in a row without a tool call.` }
    }
    answers = answered.answers
    texts = calls.length > 0 ? [] : [textAfterSilence(reply, protocol)]
  }
}

/** One paid call: its reply recorded and its cost settled. Undefined when the run was stopped meanwhile. */
async function askModel(run: Run, protocol: ToolProtocol, turn: number) {
  const offer = protocol.offer(offersOf(run.tools))
  const startedMs = run.now()
  const lost: ModelUsage[] = []
  let reply: ModelReply
  try {
    reply = await run.model.ask({
      system: `${run.systemPrompt}${offer.systemText}`,
      tools: offer.tools,
      messages: run.messages,
      signal: run.stop,
      onFailedAttempt: ({ code, usage, retryInMs }) => {
        if (usage !== undefined) lost.push(usage)
        if (retryInMs !== undefined) run.onEvent({ kind: 'model-retry', turn, code, delayMs: retryInMs })
      },
    })
  } catch (error) {
    // What broke off was paid for, too.
    await settle(run, lost)
    if (stopOf(run) !== undefined) return undefined
    throw error
  }
  const costMicroUsd = await settle(run, [...lost, reply.usage])
  run.totals.turns += 1
  const { message, calls } = protocol.read(reply, turn, run.usedIds)
  for (const call of calls) run.usedIds.add(call.id)
  const { content } = message
  const { stopReason } = reply
  const durationMs = run.now() - startedMs
  await run.recorder.recordReply(
    turn,
    { content, stopReason },
    { ...countUsage(reply.usage), costMicroUsd, durationMs, stopReason },
  )
  run.messages.push(message)
  return { reply, calls, costMicroUsd }
}

/** Adds what calls used to the run's totals and their cost to the money of the day. */
async function settle(run: Run, usages: readonly ModelUsage[]): Promise<number> {
  let cost = 0
  for (const usage of usages) {
    const tokens = countUsage(usage)
    for (const key of ['inputTokens', 'outputTokens', 'cacheReadTokens', 'cacheWriteTokens'] as const) {
      run.totals[key] += tokens[key]
    }
    cost += costMicroUsd(run.model.model, usage, run.model.prices)
  }
  run.totals.costMicroUsd += cost
  if (cost > 0) await run.spending.add(cost)
  return cost
}

/** The ending of a run that was told to stop. */
function stopOf(run: Run): AgentEnding | undefined {
  if (run.signal.aborted) return { kind: 'aborted' }
  return run.stop.aborted ? deadlineReached(run.limits, run.now()) : undefined
}

async function limitOf(run: Run): Promise<AgentEnding | undefined> {
  const { turns, costMicroUsd } = run.totals
  const spentTodayMicroUsd = await run.spending.spentTodayMicroUsd()
  return limitReached(run.limits, { turns, costMicroUsd, spentTodayMicroUsd, nowMs: run.now() })
}

/** What a stop reason says about the run; the others (end_turn, tool_use, max_tokens, pause_turn, ...) let it go on. */
function endingOf(reply: ModelReply): AgentEnding | undefined {
  switch (reply.stopReason) {
    case 'refusal':
      return { kind: 'gave-up', reason: 'The model refused to go on (stop reason "refusal").' }
    case 'model_context_window_exceeded':
      return { kind: 'limit-reached', limit: 'tokens', detail: "the conversation filled the model's context window" }
    default:
      return undefined
  }
}

function textAfterSilence(reply: ModelReply, { nudges }: ToolProtocol): string {
  if (reply.stopReason === 'pause_turn') return 'Go on.'
  return reply.stopReason === 'max_tokens' ? nudges.cut : nudges.silent
}
