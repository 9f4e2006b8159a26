import { DevBotError } from '@devbot/contracts'
import type { AgentEvent } from './agent-event.ts'
import { answerCalls } from './answer-calls.ts'
import { type AskAside, askAside } from './ask-aside.ts'
import { contextReached, deadlineReached, turnsOrTimeOver } from './check-limits.ts'
import { type Conversation, createConversation } from './context/conversation.ts'
import { shortenConversation } from './context/shorten-conversation.ts'
import { offersOf, type ToolSet } from './create-tools.ts'
import { fixedBytes } from './estimate-tokens.ts'
import { judgeReply, type ReplyVerdict } from './judge-reply.ts'
import type { ModelClient, ModelReply, ToolOffer } from './model-client.ts'
import { nativeProtocol } from './native-protocol.ts'
import { askPaid, type PaidReply } from './paid-call.ts'
import type {
  AgentEnding,
  AgentLimits,
  AgentNote,
  AgentTotals,
  Checkpoints,
  FinishClaim,
  FinishVerdict,
  Spending,
  TurnRecorder,
  Workspace,
} from './ports.ts'
import { countUsage } from './prices.ts'
import { createReplay, type RecordedRun, type Replay } from './recorded-run.ts'
import { runUntil } from './run-until.ts'
import { createSilenceGuard } from './silence-guard.ts'
import { createStuckGuard } from './stuck-guard.ts'
import type { ToolCall, ToolProtocol } from './tool-protocol.ts'

export type AgentInput = {
  readonly model: ModelClient
  /** How tools are offered and calls are read; the API's own tool use by default. */
  readonly protocol?: ToolProtocol
  readonly tools: ToolSet
  /** May still be getting ready while the first request is under way; called when the first tool runs. */
  readonly workspace: () => Promise<Workspace>
  readonly systemPrompt: string
  /** Plan, criteria, feedback; stays at the head of every request as it is. */
  readonly firstMessage: string
  /** The run's random mark around text that is not DevBot's own, the same as in the first message. */
  readonly delimiter: string
  readonly recorder: TurnRecorder
  /** What an attempt that was cut off has recorded: the run goes on after it. */
  readonly recorded?: RecordedRun | undefined
  readonly checkpoints: Checkpoints
  readonly spending: Spending
  readonly limits: AgentLimits
  /** Texts that arrived meanwhile, each once and on record; they go into the request of `turn` as they are. */
  readonly drainNotes: (turn: number) => Promise<readonly AgentNote[]>
  /** May ask the model something aside, on the run's account. */
  readonly judgeFinish: (claim: FinishClaim, ask: AskAside) => Promise<FinishVerdict>
  readonly onEvent: (event: AgentEvent) => void
  readonly signal: AbortSignal
  /** UTC milliseconds, the clock of `limits.deadlineMs`. */
  readonly now: () => number
}

export type AgentResult = { readonly ending: AgentEnding; readonly totals: AgentTotals }

/**
 * The loop of one run: ask the model, record its reply, run the tools it asked for, record their results, and again,
 * until it finishes, gives up, reaches a limit or is stopped. A run that was cut off goes through the same loop, with what
 * is on record in the place of model and tools. How it ends is a value. Throws only what ends the attempt:
 * the model's errors after their retries, a dead sandbox, a recorder or ledger that cannot write.
 */
export async function runAgent(input: AgentInput): Promise<AgentResult> {
  using until = runUntil(input.signal, input.limits.deadlineMs - input.now())
  const run = beginRun(input, until.signal)
  const ending = await takeTurns(run)
  return { ending, totals: { ...run.totals } }
}

type Run = AgentInput & {
  readonly protocol: ToolProtocol
  readonly system: string
  readonly offers: readonly ToolOffer[]
  readonly conversation: Conversation
  readonly replay: Replay
  /** Ends with the caller's signal and at the deadline. */
  readonly stop: AbortSignal
  readonly totals: { -readonly [Key in keyof AgentTotals]: number }
  readonly usedIds: Set<string>
}

function beginRun(input: AgentInput, stop: AbortSignal): Run {
  const protocol = input.protocol ?? nativeProtocol
  const { tools: offers, systemText } = protocol.offer(offersOf(input.tools))
  const system = `${input.systemPrompt}${systemText}`
  return {
    ...input,
    protocol,
    system,
    offers,
    conversation: createConversation({
      protocol,
      fixedBytes: fixedBytes(system, offers),
      firstMessage: input.firstMessage,
      windowTokens: input.limits.windowTokens,
      delimiter: input.delimiter,
    }),
    replay: createReplay(input.recorded),
    stop,
    totals: { turns: 0, costMicroUsd: 0, inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 },
    usedIds: new Set(),
  }
}

async function takeTurns(run: Run): Promise<AgentEnding> {
  const { conversation, protocol } = run
  const stuck = createStuckGuard()
  const silence = createSilenceGuard()

  for (let turn = 1; ; turn += 1) {
    const startedMs = run.now()
    const asked = replayReply(run, turn) ?? (await askModel(run, turn))
    if (asked.kind !== 'replied') return asked
    const { reply, message, calls, verdict, costMicroUsd } = asked
    const judgeFinish = (claim: FinishClaim) => run.judgeFinish(claim, askAside({ ...run, turn }))
    const { answers, finished, mayHaveChanged } = await answerCalls(calls, {
      ...run,
      judgeFinish,
      turn,
      signal: run.stop,
      suspended: run.signal,
    })
    if (mayHaveChanged && !run.stop.aborted) run.checkpoints.after(turn)
    const { stopReason, usage } = reply
    if (!asked.isReplayed)
      run.onEvent({ kind: 'turn-end', turn, costMicroUsd, durationMs: run.now() - startedMs, stopReason })

    if (verdict.kind === 'refused') return gaveUp('The model refused to go on (stop reason "refusal").')
    if (finished !== undefined) return { kind: 'finished', claim: finished }
    const circle = run.stop.aborted || verdict.kind === 'cut' ? undefined : stuck.note(answers)
    if (circle !== undefined) return gaveUp(`The agent went in circles: ${circle}.`)
    const silent = silence.note(verdict, calls.length, stopReason)
    if (silent !== undefined) return gaveUp(silent)

    const texts = calls.length > 0 ? [] : [textAfterSilence(verdict, protocol)]
    conversation.add({ turn, reply: message, answers, texts }, usage)
    const isFull = verdict.kind === 'cut' && verdict.why === 'window'
    if (isFull && !run.replay.before(turn + 1).some((entry) => entry.kind === 'compaction')) {
      if (!(await shortenConversation(run, turn + 1, true))) return contextReached(conversation)
    }
  }
}

type Asked = Omit<PaidReply, 'booked'> & {
  readonly isReplayed: boolean
  readonly message: ReturnType<ToolProtocol['read']>['message']
  readonly calls: readonly ToolCall[]
  readonly verdict: ReplyVerdict
}

/** What is on record for the turn: its place in the conversation, and its reply if there was one. */
function replayReply(run: Run, turn: number): Asked | undefined {
  for (const entry of run.replay.before(turn)) {
    if (entry.kind === 'notes') run.conversation.addNotes(entry.notes)
    else {
      if (entry.windowReached) run.conversation.windowWasReached()
      run.conversation.compact(entry.otherFiles)
    }
  }
  const reply = run.replay.reply(turn)
  return reply === undefined ? undefined : { ...readReply(run, turn, reply), costMicroUsd: 0, isReplayed: true }
}

/** The reply as it stands in the conversation, with calls that may be carried out or say why not. */
function readReply(run: Run, turn: number, reply: ModelReply) {
  const { message, calls } = run.protocol.read(reply, turn, run.usedIds)
  for (const call of calls) run.usedIds.add(call.id)
  const verdict = judgeReply(reply.stopReason)
  return { kind: 'replied' as const, reply, message, calls: calls.map((call) => judged(call, verdict)), verdict }
}

/** The next request, within all limits, and its reply, recorded. What the turn before changed is on disk by then. */
async function askModel(run: Run, turn: number): Promise<Asked | AgentEnding> {
  const over = stopOf(run) ?? turnsOrTimeOver(run.limits, run.totals.turns, run.now())
  if (over !== undefined) return over
  run.conversation.addNotes(await run.drainNotes(turn))
  if (run.conversation.isNearlyFull()) await shortenConversation(run, turn, false)
  run.onEvent({ kind: 'turn-start', turn })
  const startedMs = run.now()
  const paid = await askOrShorten(run, turn)
  if (paid.kind !== 'replied') return paid

  const { reply, costMicroUsd } = paid
  run.totals.turns += 1
  const read = readReply(run, turn, reply)
  await Promise.all([paid.booked(), recordReply(run, turn, read, costMicroUsd, run.now() - startedMs)])
  return { ...read, costMicroUsd, isReplayed: false }
}

async function recordReply(
  run: Run,
  turn: number,
  { reply, message }: ReturnType<typeof readReply>,
  costMicroUsd: number,
  durationMs: number,
): Promise<void> {
  const { stopReason, usage } = reply
  // Whoever finds this reply finds the files that its calls are to begin with. A stop is not held up by what hinders that;
  // the reply is asked for again, then.
  if (!(await beforeAbort(run.checkpoints.durable(), run.signal))) return
  const content = message.role === 'assistant' ? message.content : []
  await run.recorder.recordReply(
    turn,
    { content, stopReason, usage },
    { ...countUsage(usage), costMicroUsd, durationMs, stopReason },
  )
}

/** Whether something came to its end before the signal aborted; afterwards nobody waits for it. */
async function beforeAbort(work: Promise<void>, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false
  const aborted = Promise.withResolvers<false>()
  const onAbort = () => aborted.resolve(false)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work.then(() => true), aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** The request may be refused because it is too long: then it is shortened and sent once more. */
async function askOrShorten(run: Run, turn: number): Promise<PaidReply | AgentEnding> {
  try {
    return await askPaid({ ...run, turn }).catch(async (error: unknown) => {
      if (run.stop.aborted || !mayBeTooLong(error, run.conversation)) throw error
      if (!(await shortenConversation(run, turn, true))) throw error
      return askPaid({ ...run, turn })
    })
  } catch (error) {
    const stopped = stopOf(run)
    if (stopped === undefined) throw error
    return stopped
  }
}

/** What the endpoint calls an invalid request is told apart from a too long one by no more than its size. */
function mayBeTooLong(error: unknown, { size, windowTokens }: Conversation): boolean {
  if (!(error instanceof DevBotError)) return false
  if (error.code === 'model-request-too-long') return true
  return error.code === 'model-request-refused' && size().likely > windowTokens() / 2
}

function judged(call: ToolCall, verdict: ReplyVerdict): ToolCall {
  if (verdict.kind === 'cut') return { ...call, refusal: call.refusal ?? verdict.refusal }
  return verdict.kind === 'refused' ? { ...call, refusal: 'Not run: the run ended here.' } : call
}

function textAfterSilence(verdict: ReplyVerdict, { nudges }: ToolProtocol): string {
  if (verdict.kind === 'paused') return 'Go on.'
  return verdict.kind === 'cut' ? nudges.cut : nudges.silent
}

/** The ending of a run that was told to stop. */
function stopOf(run: Run): AgentEnding | undefined {
  if (run.signal.aborted) return { kind: 'aborted' }
  return run.stop.aborted ? deadlineReached(run.limits, run.now()) : undefined
}

function gaveUp(reason: string): AgentEnding {
  return { kind: 'gave-up', reason }
}
