import {
  type AgentEnding,
  type AgentEvent,
  type AgentNote,
  type AskAside,
  type Checkpoints,
  createTextProtocol,
  createTools,
  type FinishClaim,
  type FinishVerdict,
  lostTurns,
  type ModelSwitch,
  type RecordedRun,
  runAgent,
  type Spending,
  systemPromptFor,
  type TurnRecorder,
  type Workspace,
} from '@devbot/agent'
import { type FeedbackItem, foldInbox, type Plan, type RunKind } from '@devbot/contracts'
import { excludedBy } from '@devbot/git'
import type { TurnEntry } from '@devbot/queue'
import type { WorkerDeps } from '../deps.ts'
import { editedPlanNote } from '../first-message.ts'
import type { OwnedTask } from '../own-task.ts'
import type { RunStart } from '../recorded-run.ts'
import type { RunLog } from '../run-log.ts'
import { spendingOfRun } from '../spending-of-run.ts'
import { limitsFor } from './agent-limits.ts'
import { abortError } from './check.ts'

export type AgentStageInput = {
  readonly kind: RunKind
  readonly plan: Plan
  readonly model: string
  readonly firstMessage: string
  /** Of the round. */
  readonly items: readonly Pick<FeedbackItem, 'id'>[]
  /** The run's random mark around text that is not ours, the same as in the first message. */
  readonly delimiter: string
  /** The sandbox, once it is ready; asked for before the first tool call, not before the first model request. */
  readonly workspace: () => Promise<Workspace>
  readonly checkpoints: Checkpoints
  /** What is on record of the run, when it goes on. */
  readonly recorded: RecordedRun | undefined
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
  const { firstMessage, delimiter, recorded } = input
  if (recorded === undefined)
    recorder.recordStart({
      firstMessage,
      delimiter,
      protocol: deps.settings.protocol,
      items: input.items.map(({ id }) => id),
    })
  const { ending } = await runAgent({
    model: deps.modelFor(input.model, (change) => noteSwitch(deps, owned, log, change)),
    ...protocolFor(deps, input),
    tools: createTools(input.kind, { excludedBy }),
    workspace: input.workspace,
    systemPrompt: systemPromptFor({ runKind: input.kind, delimiter }),
    firstMessage,
    delimiter,
    recorded,
    checkpoints: input.checkpoints,
    limits: await limitsFor(deps, owned, log, input),
    recorder,
    spending: syncedWith(recorder, spendingOfRun(deps, owned, log)),
    drainNotes: createNotes(deps, owned, log, { recorder, delimiter, recorded }),
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

/**
 * What the agent is told besides: that it goes on after a restart, once, and an edited plan, whether it came while the agent
 * works or while nobody did. Everything else waits for its own step. On record before the inbox forgets it.
 */
function createNotes(
  deps: WorkerDeps,
  owned: OwnedTask,
  log: RunLog,
  run: Pick<AgentStageInput, 'delimiter' | 'recorded'> & { readonly recorder: TurnRecorder },
): (turn: number) => Promise<readonly AgentNote[]> {
  let restart = restartNotes(run.recorded)
  return async (turn) => {
    const edit = await editedPlan(deps, owned, log)
    const text = edit === undefined ? [] : [{ about: 'plan', text: editedPlanNote(edit.planText, run.delimiter) }]
    const notes = [...restart, ...text]
    restart = []
    if (notes.length > 0) await run.recorder.recordNotes(turn, notes)
    await edit?.take()
    log.change({ planHash: owned.task.planHash })
    return notes
  }
}

type EditedPlan = { readonly planText: string; readonly take: () => Promise<unknown> }

async function editedPlan(deps: WorkerDeps, owned: OwnedTask, log: RunLog): Promise<EditedPlan | undefined> {
  if (log.run.planHash !== owned.task.planHash) {
    return { planText: await deps.ledger.planText(owned.task.id), take: async () => undefined }
  }
  if (!owned.waits('plan-edited')) return undefined
  const snapshot = await deps.ledger.snapshot(owned.task.id)
  const edits = (snapshot?.inbox ?? []).filter((item) => item.kind === 'plan-edited')
  const { task, planText } = foldInbox(owned.task, edits, deps.now())
  if (planText === undefined) return undefined
  return { planText, take: () => owned.save(task, { inboxIds: edits.map((item) => item.id), planText }) }
}

function restartNotes(recorded: RecordedRun | undefined): readonly AgentNote[] {
  if (recorded === undefined || !recorded.entries.some((entry) => entry.kind === 'tool-result')) return []
  const [firstLost] = lostTurns(recorded)
  const files =
    firstLost === undefined
      ? 'The files are as you left them.'
      : `The files are those of before turn ${firstLost}; what you changed since is gone.`
  return [
    {
      about: 'restart',
      text: `DevBot was restarted and the sandbox rebuilt. ${files} Background jobs, the shell's directory and variables, and files that git ignores are gone, but for what setup makes.`,
    },
  ]
}

/** A recorder whose tool results are being written when it returns; `synced` resolves when they are on disk. */
type Recorder = TurnRecorder & {
  readonly synced: () => Promise<void>
  /** Before everything else; on disk before the first request goes out. */
  readonly recordStart: (start: RunStart) => void
}

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
  const write = (...more: readonly Promise<unknown>[]) => {
    writing = Promise.all([writing, ...more]).then(() => undefined)
    // Whoever waits for it hears of it.
    writing.catch(() => undefined)
  }
  return {
    synced: () => writing,
    recordStart: (start) => write(append('start', 0, start)),
    recordReply: async (turn, reply, usage) => {
      const { tokens } = log.run
      log.change({
        turns: turn,
        activeMs: log.activeMs(),
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
      write(
        append('tool-result', turn, result),
        owned.record({ kind: 'tool-call', turn, tool: result.tool, detail }, log.progress({ turn, lastTool })),
      )
    },
    recordToolStart: (turn, toolUseId) => write(append('tool-start', turn, { toolUseId })),
    recordNotes: async (turn, notes) => {
      // What the run began with stands before everything.
      await writing
      await append('notes', turn, { notes })
    },
    recordCompaction: async (turn, facts, cause) => {
      deps.log.info({ taskId: owned.task.id, turn, ...facts }, 'the conversation was shortened')
      await Promise.all([
        append('compaction', turn, { ...facts, ...cause }),
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
