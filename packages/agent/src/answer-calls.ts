import { categoryOf, DevBotError, type ErrorCategory } from '@devbot/contracts'
import type { AgentEvent } from './agent-event.ts'
import type { PreparedCall, ToolContext, ToolOutcome } from './agent-tool.ts'
import type { ToolSet } from './create-tools.ts'
import type { FinishClaim, FinishVerdict, TurnRecorder, Workspace } from './ports.ts'
import type { CallNature, RecordedResult, Replay, ReplayedAnswer } from './recorded-run.ts'
import type { ToolAnswer, ToolCall } from './tool-protocol.ts'

export type CallsInput = {
  readonly turn: number
  readonly tools: ToolSet
  /** Awaited when the first tool runs. */
  readonly workspace: () => Promise<Workspace>
  readonly recorder: TurnRecorder
  /** What is on record of this turn, when it was cut off. */
  readonly replay: Replay
  readonly judgeFinish: (claim: FinishClaim) => Promise<FinishVerdict>
  readonly onEvent: (event: AgentEvent) => void
  /** Ends what is under way. */
  readonly signal: AbortSignal
  /** Aborted when the run may go on some day: then a call that was stopped is not put on record, but still to be answered. */
  readonly suspended: AbortSignal
  readonly now: () => number
}

export type CallsOutcome = {
  /** One for every call, in the order of the calls. */
  readonly answers: readonly ToolAnswer[]
  /** The claim that was accepted. */
  readonly finished?: FinishClaim
  /** A call was carried out that does not only read. */
  readonly mayHaveChanged: boolean
}

/** A tool caps its own output; this bounds what anything else (a verdict, a workspace's reason) can add. */
const MAX_ANSWER_CHARACTERS = 64 * 1024
const STOPPED = 'Not run: the run was stopped.'
/** Trouble that no other tool call can get around; it ends the run as an error. */
const ENDS_RUN: ReadonlySet<ErrorCategory> = new Set(['sandbox', 'conflict', 'cancelled', 'config', 'permission'])

/**
 * Answers every call of one reply, and records each answer as it is known. Calls that only read run together where
 * they follow each other; the others in order; `finish` is judged when all others are done. Where an earlier attempt at the
 * turn was cut off, what it recorded counts. After a stop the calls
 * that are left are answered as not run, so that the conversation stays valid.
 */
export async function answerCalls(calls: readonly ToolCall[], input: CallsInput): Promise<CallsOutcome> {
  const finishName = input.tools.finish.offer.name
  const answers = new Map<ToolCall, ToolAnswer>()
  const others = calls.filter((call) => call.name !== finishName)
  let mayHaveChanged = false
  for (const batch of batchesOf(others, input.tools)) {
    const settled = await Promise.allSettled(batch.map((call) => answerOne(call, input)))
    for (const result of settled) {
      if (result.status === 'rejected') throw result.reason
      const { isCarriedOut, ...answer } = result.value
      answers.set(answer.call, answer)
      mayHaveChanged ||= isCarriedOut && natureOf(answer.call, input.tools) !== 'reads'
    }
  }
  let finished: FinishClaim | undefined
  for (const call of calls.filter((call) => call.name === finishName)) {
    const judged = await judge(call, input, answers.size > others.length)
    answers.set(call, judged.answer)
    finished ??= judged.finished
  }
  const inOrder = calls.flatMap((call) => answers.get(call) ?? [])
  return { answers: inOrder, mayHaveChanged, ...(finished === undefined ? {} : { finished }) }
}

function batchesOf(calls: readonly ToolCall[], tools: ToolSet): readonly (readonly ToolCall[])[] {
  const batches: ToolCall[][] = []
  let open = false
  for (const call of calls) {
    const readOnly = toolOf(tools, call.name)?.readOnly ?? false
    if (readOnly && open) batches.at(-1)?.push(call)
    else batches.push([call])
    open = readOnly
  }
  return batches
}

function natureOf(call: ToolCall, tools: ToolSet): CallNature {
  if (call.name === tools.finish.offer.name) return 'finish'
  const tool = toolOf(tools, call.name)
  // Of a tool that does not exist nothing is carried out.
  if (tool === undefined || tool.readOnly) return 'reads'
  return tool.repeatable ? 'repeatable' : 'once'
}

function toolOf(tools: ToolSet, name: string) {
  return tools.tools.find((tool) => tool.offer.name === name)
}

async function answerOne(call: ToolCall, input: CallsInput): Promise<ToolAnswer & { readonly isCarriedOut: boolean }> {
  const prepared = prepare(call, input.tools)
  const nature = natureOf(call, input.tools)
  const replayed = input.replay.answer(input.turn, call, nature)
  if (replayed !== undefined) return replay(call, prepared, replayed, input)
  if (prepared.kind === 'invalid') {
    return { ...(await record(call, { kind: 'error', text: prepared.message }, '', input)), isCarriedOut: false }
  }
  const { detail } = prepared
  if (input.signal.aborted) return { ...(await stopped(call, STOPPED, detail, input)), isCarriedOut: false }
  if (nature === 'once') input.recorder.recordToolStart(input.turn, call.id)
  input.onEvent({ kind: 'tool-call', turn: input.turn, tool: call.name, detail: prepared.detail })
  const startedMs = input.now()
  const outcome = await runTool(call, prepared, input)
  const durationMs = input.now() - startedMs
  input.onEvent({
    kind: 'tool-result',
    turn: input.turn,
    tool: call.name,
    isError: outcome.kind === 'error',
    durationMs,
  })
  const changed = changedBy(prepared, outcome)
  if (input.signal.aborted && outcome.kind === 'error') {
    return { ...(await stopped(call, outcome.text, detail, input)), isCarriedOut: true }
  }
  return { ...(await record(call, outcome, detail, input, changed)), isCarriedOut: true }
}

async function stopped(call: ToolCall, text: string, detail: string, input: CallsInput): Promise<ToolAnswer> {
  if (input.suspended.aborted) return { call, isError: true, text, detail }
  return record(call, { kind: 'error', text }, detail, input)
}

/** The answer that is on record, or what a call is told that was cut off. */
async function replay(
  call: ToolCall,
  prepared: ReturnType<typeof prepare>,
  replayed: ReplayedAnswer,
  input: CallsInput,
): Promise<ToolAnswer & { readonly isCarriedOut: boolean }> {
  if (replayed.kind === 'interrupted') {
    const detail = prepared.kind === 'ready' ? prepared.detail : ''
    return { ...(await record(call, { kind: 'error', text: replayed.text }, detail, input)), isCarriedOut: false }
  }
  const isCarriedOut = replayed.again && prepared.kind === 'ready' && !input.signal.aborted
  if (isCarriedOut) await runTool(call, prepared, input)
  return { ...answerOnRecord(call, replayed.result), isCarriedOut }
}

function answerOnRecord(call: ToolCall, result: RecordedResult): ToolAnswer {
  const { isError, text, detail: said, changed } = result
  return {
    call,
    isError,
    text,
    ...(said === undefined ? {} : { detail: said }),
    ...(changed === undefined ? {} : { changed }),
  }
}

function changedBy({ changes }: PreparedCall, outcome: ToolOutcome): Pick<ToolAnswer, 'changed'> {
  return outcome.kind === 'ok' && changes.length > 0 ? { changed: changes } : {}
}

function prepare(
  call: ToolCall,
  tools: ToolSet,
): PreparedCall | { readonly kind: 'invalid'; readonly message: string } {
  if (call.refusal !== undefined) return { kind: 'invalid', message: call.refusal }
  const tool = toolOf(tools, call.name)
  if (tool !== undefined) return tool.prepare(call.input)
  const names = [...tools.tools.map((known) => known.offer.name), tools.finish.offer.name]
  return { kind: 'invalid', message: `Not run: there is no such tool. The tools are ${names.join(', ')}.` }
}

async function runTool(call: ToolCall, prepared: PreparedCall, input: CallsInput): Promise<ToolOutcome> {
  const workspace = await readyWorkspace(input)
  if (workspace === undefined) return { kind: 'error', text: STOPPED }
  const context: ToolContext = { workspace, signal: input.signal }
  try {
    return await prepared.run(context)
  } catch (error) {
    if (input.signal.aborted) return { kind: 'error', text: 'Interrupted: the run was stopped.' }
    if (ENDS_RUN.has(categoryOf(error))) throw error
    input.onEvent({ kind: 'tool-failed', turn: input.turn, tool: call.name, error })
    const reason = error instanceof DevBotError ? error.message : 'an error inside DevBot'
    return { kind: 'error', text: `The tool failed: ${reason}. Try it another way.` }
  }
}

/** The workspace, or undefined when the run is stopped before it is ready. */
export async function readyWorkspace(input: Pick<CallsInput, 'workspace' | 'signal'>): Promise<Workspace | undefined> {
  if (input.signal.aborted) return undefined
  const stopped = Promise.withResolvers<undefined>()
  const onAbort = () => stopped.resolve(undefined)
  input.signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([input.workspace(), stopped.promise])
  } catch (error) {
    if (input.signal.aborted) return undefined
    throw error
  } finally {
    input.signal.removeEventListener('abort', onAbort)
  }
}

async function judge(
  call: ToolCall,
  input: CallsInput,
  judgedBefore: boolean,
): Promise<{ readonly answer: ToolAnswer; readonly finished?: FinishClaim }> {
  const reject = async (text: string, detail = '') => ({
    answer: await record(call, { kind: 'error', text }, detail, input),
  })
  if (call.refusal !== undefined) return reject(call.refusal)
  const read = input.tools.finish.readClaim(call.input)
  if (read.kind === 'invalid') return reject(read.message)
  const replayed = input.replay.answer(input.turn, call, 'finish')
  if (replayed?.kind === 'recorded') return { answer: answerOnRecord(call, replayed.result) }
  if (input.signal.aborted) return { answer: await stopped(call, STOPPED, read.detail, input) }
  if (judgedBefore) return reject('Not looked at: one finish in a reply is enough.', read.detail)
  input.onEvent({ kind: 'tool-call', turn: input.turn, tool: call.name, detail: read.detail })
  const startedMs = input.now()
  const verdict = await input.judgeFinish(read.claim)
  const isError = verdict.kind === 'rejected'
  input.onEvent({
    kind: 'tool-result',
    turn: input.turn,
    tool: call.name,
    isError,
    durationMs: input.now() - startedMs,
  })
  if (verdict.kind === 'rejected') return reject(verdict.message, read.detail)
  return { answer: await record(call, { kind: 'ok', text: 'Accepted.' }, read.detail, input), finished: read.claim }
}

async function record(
  call: ToolCall,
  outcome: ToolOutcome,
  detail: string,
  input: CallsInput,
  changed: Pick<ToolAnswer, 'changed'> = {},
): Promise<ToolAnswer> {
  const isError = outcome.kind === 'error'
  const text = bounded(outcome.text)
  await input.recorder.recordToolResult(input.turn, {
    toolUseId: call.id,
    tool: call.name,
    summary: `${detail}${isError ? ' (error)' : ''}`.trim(),
    isError,
    text,
    detail,
    ...changed,
  })
  return { call, isError, text, detail, ...changed }
}

function bounded(text: string): string {
  if (text.length <= MAX_ANSWER_CHARACTERS) return text
  const half = MAX_ANSWER_CHARACTERS / 2
  const leftOut = text.length - MAX_ANSWER_CHARACTERS
  return `${text.slice(0, half).toWellFormed()}\n[${leftOut} characters left out here]\n${text.slice(-half).toWellFormed()}`
}
