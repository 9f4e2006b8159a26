import {
  type AgentEnding,
  type AgentEvent,
  type AgentNote,
  type AskAside,
  createTextProtocol,
  createTools,
  type FinishClaim,
  type FinishVerdict,
  type ModelSwitch,
  runAgent,
  type Spending,
  systemPromptFor,
  type TurnRecorder,
  type Workspace,
} from '@devbot/agent'
import { foldInbox, type Plan, type RunKind } from '@devbot/contracts'
import { excludedBy } from '@devbot/git'
import type { TurnEntry } from '@devbot/queue'
import type { WorkerDeps } from '../deps.ts'
import { editedPlanNote } from '../first-message.ts'
import type { OwnedTask } from '../own-task.ts'
import type { RunLog } from '../run-log.ts'
import { spendingOfRun } from '../spending-of-run.ts'
import { limitsFor } from './agent-limits.ts'
import { abortError } from './check.ts'

export type AgentStageInput = {
  readonly kind: RunKind
  readonly plan: Plan
  readonly model: string
  readonly firstMessage: string
  /** The run's random mark around text that is not ours, the same as in the first message. */
  readonly delimiter: string
  /** The sandbox, once it is ready; asked for before the first tool call, not before the first model request. */
  readonly workspace: () => Promise<Workspace>
  readonly judgeFinish: (claim: FinishClaim, ask: AskAside) => Promise<FinishVerdict>
  /** Called right before each request. */
  readonly onTurnStart: () => void
}

/** Lets the agent work until an ending. Every reply and tool result is in the ledger before the next step. */
export async function runAgentStage(
  deps: WorkerDeps,
  owned: OwnedTask,
  log: RunLog,
  input: AgentStageInput,
): Promise<AgentEnding> {
  const { signal } = owned
  const recorder = recorderFor(deps, owned, log)
  const { ending } = await runAgent({
    model: deps.modelFor(input.model, (change) => noteSwitch(deps, owned, log, change)),
    ...protocolFor(deps, input),
    tools: createTools(input.kind, { excludedBy }),
    workspace: input.workspace,
    systemPrompt: systemPromptFor({ runKind: input.kind, delimiter: input.delimiter }),
    firstMessage: input.firstMessage,
    delimiter: input.delimiter,
    limits: await limitsFor(deps, owned, log, input),
    recorder,
    spending: syncedWith(recorder, spendingOfRun(deps, owned, log)),
    drainNotes: () => drainNotes(deps, owned, log, input.delimiter),
    judgeFinish: input.judgeFinish,
    onEvent: (event) => {
      if (event.kind === 'turn-start') input.onTurnStart()
      reportEvent(deps, owned, event)
    },
    signal,
    now: deps.now,
  }).finally(recorder.synced)
  if (ending.kind === 'aborted') throw abortError(signal)
  return ending
}

/** The API's own tool use unless the operator says that the model has none. */
function protocolFor({ settings }: Pick<WorkerDeps, 'settings'>, input: AgentStageInput) {
  if (settings.protocol === 'native') return {}
  return { protocol: createTextProtocol({ delimiter: input.delimiter, runKind: input.kind }) }
}

/** People see in the report which model did the work. */
function noteSwitch(deps: WorkerDeps, owned: OwnedTask, log: RunLog, { from, to, code }: ModelSwitch): void {
  deps.log.warn({ taskId: owned.task.id, from, to, code }, 'the model could not be had; the second model goes on')
  const note = `${from} could not be had (${code}); from turn ${log.run.turns + 1} on ${to} did the work.`
  log.change({ notes: [...log.run.notes, note] })
}

/** What arrived while the agent works and belongs into this run: an edited plan. Everything else waits for its own step. */
async function drainNotes(
  deps: WorkerDeps,
  owned: OwnedTask,
  log: RunLog,
  delimiter: string,
): Promise<readonly AgentNote[]> {
  if (!owned.waits('plan-edited')) return []
  const snapshot = await deps.ledger.snapshot(owned.task.id)
  const edits = (snapshot?.inbox ?? []).filter((item) => item.kind === 'plan-edited')
  if (snapshot === undefined || edits.length === 0) return []
  const folded = foldInbox(owned.task, edits, deps.now())
  if (folded.planText === undefined) return []
  await owned.save(folded.task, { inboxIds: edits.map((item) => item.id), planText: folded.planText })
  log.change({ planHash: owned.task.planHash })
  return [{ about: 'plan', text: editedPlanNote(folded.planText, delimiter) }]
}

/** A recorder whose tool results are being written when it returns; `synced` resolves when they are on disk. */
type Recorder = TurnRecorder & { readonly synced: () => Promise<void> }

/** No request goes out before the results that it carries are on disk: one wait for both that and the money. */
function syncedWith(recorder: Recorder, spending: Spending): Spending {
  return {
    reserve: async (request) => {
      const [reservation] = await Promise.all([spending.reserve(request), recorder.synced()])
      return reservation
    },
  }
}

/**
 * Turns go to the ledger's stream; totals and progress follow, so that a crash loses neither money nor history. What
 * belongs to one step goes out together and is synced to disk once; a tool's result goes out as soon as it is known, and
 * is waited for before the next request.
 */
function recorderFor(deps: WorkerDeps, owned: OwnedTask, log: RunLog): Recorder {
  const append = (kind: TurnEntry['kind'], turn: number, body: unknown) =>
    deps.ledger.appendTurn(owned.ownership, log.run.id, { kind, turn, body: JSON.stringify(body) })
  let writing: Promise<void> = Promise.resolve()
  return {
    synced: () => writing,
    recordReply: async (turn, reply, usage) => {
      const { tokens, startedAtMs } = log.run
      log.change({
        turns: turn,
        activeMs: deps.now() - startedAtMs,
        tokens: {
          input: tokens.input + usage.inputTokens,
          output: tokens.output + usage.outputTokens,
          cacheRead: tokens.cacheRead + usage.cacheReadTokens,
          cacheWrite: tokens.cacheWrite + usage.cacheWriteTokens,
        },
      })
      const { costMicroUsd, durationMs, stopReason } = usage
      const event = { kind: 'turn-end', turn, costMicroUsd, durationMs: Math.round(durationMs), stopReason } as const
      await Promise.all([append('reply', turn, reply), log.save(), owned.record(event, log.progress({ turn }))])
    },
    recordToolResult: async (turn, result) => {
      const detail = result.summary.slice(0, 300)
      const lastTool = `${result.tool} ${detail}`.slice(0, 200)
      writing = Promise.all([
        writing,
        append('tool-result', turn, result),
        owned.record({ kind: 'tool-call', turn, tool: result.tool, detail }, log.progress({ turn, lastTool })),
      ]).then(() => undefined)
      // Whoever waits for it hears of it.
      writing.catch(() => undefined)
    },
    recordCompaction: async (turn, facts, messages) => {
      deps.log.info({ taskId: owned.task.id, turn, ...facts }, 'the conversation was shortened')
      await Promise.all([
        append('compaction', turn, { ...facts, messages }),
        owned.record({ kind: 'context-compacted', turn, ...facts }),
      ])
    },
  }
}

/** What only the log needs to know; everything else comes through the recorder. */
function reportEvent(deps: WorkerDeps, owned: OwnedTask, event: AgentEvent): void {
  const taskId = owned.task.id
  if (event.kind === 'tool-failed')
    deps.log.error({ taskId, error: event.error, tool: event.tool }, 'a tool threw; the agent got an error result')
  if (event.kind === 'model-retry')
    deps.log.warn({ taskId, code: event.code, delayMs: event.delayMs }, 'the model did not answer well; trying again')
}
