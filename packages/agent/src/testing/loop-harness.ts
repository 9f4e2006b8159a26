import type { AgentEvent } from '../agent-event.ts'
import { createTools } from '../create-tools.ts'
import type { ModelMessage } from '../model-client.ts'
import type { FinishClaim, FinishVerdict, TurnUsage, Workspace } from '../ports.ts'
import { type AgentInput, type AgentResult, runAgent } from '../run-agent.ts'
import { createScriptedModel, type ScriptedReply } from './scripted-model.ts'

type RecordedStep =
  | { readonly kind: 'reply'; readonly turn: number; readonly reply: unknown; readonly usage: TurnUsage }
  | {
      readonly kind: 'result'
      readonly turn: number
      readonly toolUseId: string
      readonly tool: string
      readonly body: unknown
    }

/** Limits that no test reaches by accident. */
export const WIDE_LIMITS = {
  maxTurns: 50,
  maxCostMicroUsd: 10_000_000,
  spentMicroUsd: 0,
  maxCostPerDayMicroUsd: 50_000_000,
  deadlineMs: Number.MAX_SAFE_INTEGER,
}

export const CLAIM = { title: 'Add it', summary: 'It was added.' }

/** Runs the agent on a script, with a recorder and a purse in memory, and shows what was left behind. */
export async function runScript(
  replies: readonly ScriptedReply[],
  options: Partial<Omit<AgentInput, 'model'>> & { readonly verdicts?: readonly FinishVerdict[] } = {},
) {
  const { verdicts = [], ...overrides } = options
  const model = createScriptedModel(replies)
  const steps: RecordedStep[] = []
  const events: AgentEvent[] = []
  const claims: FinishClaim[] = []
  let spentToday = 0
  const result: AgentResult = await runAgent({
    model,
    tools: createTools('implement'),
    workspace: async () => EMPTY_WORKSPACE,
    systemPrompt: 'You are DevBot.',
    firstMessage: 'Do the plan.',
    recorder: {
      async recordReply(turn, reply, usage) {
        steps.push({ kind: 'reply', turn, reply, usage })
      },
      async recordToolResult(turn, { toolUseId, tool, body }) {
        steps.push({ kind: 'result', turn, toolUseId, tool, body })
      },
    },
    spending: {
      spentTodayMicroUsd: async () => spentToday,
      async add(microUsd) {
        spentToday += microUsd
      },
    },
    limits: WIDE_LIMITS,
    drainNotes: async () => [],
    async judgeFinish(claim) {
      claims.push(claim)
      return verdicts[claims.length - 1] ?? { kind: 'accepted' }
    },
    onEvent: (event) => events.push(event),
    signal: new AbortController().signal,
    now: Date.now,
    ...overrides,
  })
  return { ...result, requests: model.requests, steps, events, claims, spentToday: () => spentToday }
}

/** A workspace in which every command succeeds silently and no file exists. */
export const EMPTY_WORKSPACE: Workspace = {
  exec: async () => ({
    exitCode: 0,
    timedOut: false,
    aborted: false,
    durationMs: 1,
    output: new Uint8Array(),
    totalOutputBytes: 0,
  }),
  readFile: async () => ({ kind: 'missing' }),
  writeFile: async () => ({ kind: 'written' }),
}

/** What is wrong with a conversation by the API's rules; undefined when nothing is. */
export function conversationProblem(messages: readonly ModelMessage[]): string | undefined {
  const seen = new Set<string>()
  for (const [index, message] of messages.entries()) {
    if (message.role !== (index % 2 === 0 ? 'user' : 'assistant')) return `message ${index} has role ${message.role}`
    if (message.content.length === 0) return `message ${index} is empty`
    if (message.content.some((block) => block.type === 'text' && block.text.trim() === ''))
      return `message ${index} has an empty text`
    if (message.role !== 'assistant') continue
    const ids = message.content.flatMap((block) => (block.type === 'tool_use' ? [block.id] : []))
    if (ids.some((id) => seen.has(id)) || new Set(ids).size < ids.length) return `message ${index} repeats an id`
    for (const id of ids) seen.add(id)
    const next = messages[index + 1]
    const answered = (next?.content ?? []).flatMap((block) => (block.type === 'tool_result' ? [block.toolUseId] : []))
    if (next !== undefined && answered.join() !== ids.join())
      return `message ${index} asks ${ids.join()}, answered are ${answered.join()}`
  }
  return undefined
}
