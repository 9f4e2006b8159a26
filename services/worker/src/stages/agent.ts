import {
  type AgentEnding,
  type AgentEvent,
  type AgentLimits,
  createTools,
  type FinishClaim,
  type FinishVerdict,
  runAgent,
  systemPromptFor,
  type TurnRecorder,
  type Workspace,
} from '@devbot/agent'
import { foldInbox, type Plan, type RunKind } from '@devbot/contracts'
import type { WorkerDeps } from '../deps.ts'
import { editedPlanNote } from '../first-message.ts'
import type { OwnedTask } from '../own-task.ts'
import type { RunLog } from '../run-log.ts'
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
  readonly judgeFinish: (claim: FinishClaim) => Promise<FinishVerdict>
}

/** Lets the agent work until an ending. Every reply and tool result is in the ledger before the next step. */
export async function runAgentStage(
  deps: WorkerDeps,
  owned: OwnedTask,
  log: RunLog,
  input: AgentStageInput,
): Promise<AgentEnding> {
  const { signal } = owned
  const { ending } = await runAgent({
    model: deps.modelFor(input.model),
    tools: createTools(input.kind),
    workspace: input.workspace,
    systemPrompt: systemPromptFor({ runKind: input.kind, delimiter: input.delimiter }),
    firstMessage: input.firstMessage,
    limits: await limitsFor(deps, owned, input.plan),
    recorder: recorderFor(deps, owned, log),
    spending: {
      spentTodayMicroUsd: () => deps.ledger.spentToday(),
      // Counted here and not with the reply: what a call cost that gave no reply is spent as well.
      add: async (microUsd) => {
        log.change({ costMicroUsd: log.run.costMicroUsd + microUsd })
        await deps.ledger.addSpending(owned.ownership, microUsd)
      },
    },
    drainNotes: () => drainNotes(deps, owned, log, input.delimiter),
    judgeFinish: input.judgeFinish,
    onEvent: (event) => reportEvent(deps, owned, event),
    signal,
    now: deps.now,
  })
  if (ending.kind === 'aborted') throw abortError(signal)
  return ending
}

/** The plan's limits within the operator's. Money counts over all runs of the task, time from the run's start. */
async function limitsFor(deps: WorkerDeps, owned: OwnedTask, plan: Plan): Promise<AgentLimits> {
  const { settings } = deps
  const runs = (await deps.ledger.details(owned.task.id))?.runs ?? []
  const minutes = Math.min(plan.max_minutes ?? settings.maxMinutes, settings.maxMinutes)
  return {
    maxTurns: Math.min(plan.max_turns ?? settings.maxTurns, settings.maxTurns),
    maxCostMicroUsd: Math.min(
      plan.budget_usd === undefined ? settings.maxCostMicroUsd : plan.budget_usd * 1_000_000,
      settings.maxCostMicroUsd,
    ),
    spentMicroUsd: runs.reduce((total, run) => total + run.costMicroUsd, 0),
    maxCostPerDayMicroUsd: settings.maxCostPerDayMicroUsd,
    deadlineMs: deps.now() + minutes * 60_000,
  }
}

/** What arrived while the agent works and belongs into this run: an edited plan. Everything else waits for its own step. */
async function drainNotes(
  deps: WorkerDeps,
  owned: OwnedTask,
  log: RunLog,
  delimiter: string,
): Promise<readonly string[]> {
  if (!owned.waits('plan-edited')) return []
  const snapshot = await deps.ledger.snapshot(owned.task.id)
  const edits = (snapshot?.inbox ?? []).filter((item) => item.kind === 'plan-edited')
  if (snapshot === undefined || edits.length === 0) return []
  const folded = foldInbox(owned.task, edits, deps.now())
  if (folded.planText === undefined) return []
  await owned.save(folded.task, { inboxIds: edits.map((item) => item.id), planText: folded.planText })
  log.change({ planHash: owned.task.planHash })
  return [editedPlanNote(folded.planText, delimiter)]
}

/** Turns go to the ledger's stream; totals and progress follow, so that a crash loses neither money nor history. */
function recorderFor(deps: WorkerDeps, owned: OwnedTask, log: RunLog): TurnRecorder {
  return {
    recordReply: async (turn, reply, usage) => {
      const { run } = log
      log.change({
        turns: turn,
        tokens: {
          input: run.tokens.input + usage.inputTokens,
          output: run.tokens.output + usage.outputTokens,
          cacheRead: run.tokens.cacheRead + usage.cacheReadTokens,
          cacheWrite: run.tokens.cacheWrite + usage.cacheWriteTokens,
        },
      })
      await deps.ledger.appendTurn(owned.ownership, run.id, { kind: 'reply', turn, body: JSON.stringify(reply) })
      await log.save()
      const { costMicroUsd, durationMs, stopReason } = usage
      await owned.record(
        { kind: 'turn-end', turn, costMicroUsd, durationMs: Math.round(durationMs), stopReason },
        log.progress({ turn }),
      )
    },
    recordToolResult: async (turn, result) => {
      await deps.ledger.appendTurn(owned.ownership, log.run.id, {
        kind: 'tool-result',
        turn,
        body: JSON.stringify(result),
      })
      const detail = result.summary.slice(0, 300)
      await owned.record(
        { kind: 'tool-call', turn, tool: result.tool, detail },
        log.progress({ turn, lastTool: `${result.tool} ${detail}`.slice(0, 200) }),
      )
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
