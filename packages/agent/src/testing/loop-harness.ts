import type { AgentEvent } from '../agent-event.ts'
import type { CompactionFacts } from '../context/conversation.ts'
import { createTools } from '../create-tools.ts'
import type { ModelMessage } from '../model-client.ts'
import type {
  AgentLimits,
  CompactionCause,
  FinishClaim,
  FinishVerdict,
  Spending,
  TurnUsage,
  Workspace,
} from '../ports.ts'
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
  | {
      readonly kind: 'compaction'
      readonly turn: number
      readonly facts: CompactionFacts
      readonly cause: CompactionCause
    }

/** A run's limits and the day's. */
type TestLimits = AgentLimits & { readonly maxCostPerDayMicroUsd: number }

/** Limits that no test reaches by accident. */
export const WIDE_LIMITS: TestLimits = {
  maxTurns: 50,
  turnsBefore: 0,
  maxCostMicroUsd: 10_000_000,
  spentMicroUsd: 0,
  maxTokens: 50_000_000,
  usedTokens: 0,
  windowTokens: 200_000,
  maxCostPerDayMicroUsd: 50_000_000,
  deadlineMs: Number.MAX_SAFE_INTEGER,
}

/** The run's random mark. */
export const DELIMITER = '0123456789abcdef0123456789abcdef'

export const CLAIM = { title: 'Add it', summary: 'It was added.' }

/** Runs the agent on a script, with a recorder and a purse in memory, and shows what was left behind. */
export async function runScript(
  replies: readonly ScriptedReply[],
  options: Partial<Omit<AgentInput, 'limits'>> & {
    readonly verdicts?: readonly FinishVerdict[]
    readonly limits?: TestLimits
  } = {},
) {
  const { verdicts = [], limits = WIDE_LIMITS, ...overrides } = options
  const model = createScriptedModel(replies)
  const steps: RecordedStep[] = []
  const events: AgentEvent[] = []
  const claims: FinishClaim[] = []
  const purse = createPurse(limits.maxCostPerDayMicroUsd)
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
      recordToolStart: () => undefined,
      async recordToolResult(turn, { toolUseId, tool, isError, text }) {
        steps.push({ kind: 'result', turn, toolUseId, tool, body: { isError, text } })
      },
      recordNotes: async () => undefined,
      async recordCompaction(turn, facts, cause) {
        steps.push({ kind: 'compaction', turn, facts, cause })
      },
    },
    checkpoints: {
      after: () => undefined,
      durable: async () => undefined,
    },
    delimiter: DELIMITER,
    spending: purse.spending,
    limits,
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
  return { ...result, requests: model.requests, steps, events, claims, spentToday: purse.spent, purse }
}

/** The day's money in memory. Fails when a call cost more than was set aside for it, or is booked twice. */
export function createPurse(ceilingMicroUsd: number) {
  let spent = 0
  let reserved = 0
  const wanted: number[] = []
  const spending: Spending = {
    async reserve({ wantedMicroUsd, leastMicroUsd }) {
      wanted.push(wantedMicroUsd)
      const microUsd = Math.min(wantedMicroUsd, ceilingMicroUsd - spent - reserved)
      if (!(microUsd >= leastMicroUsd)) {
        return { kind: 'refused', spentMicroUsd: spent, reservedMicroUsd: reserved, ceilingMicroUsd }
      }
      reserved += microUsd
      let open = true
      return {
        kind: 'reserved',
        microUsd,
        async settle(costMicroUsd) {
          if (!open) throw new Error('this call was booked before')
          if (costMicroUsd > microUsd)
            throw new Error(`${microUsd} were set aside for a call that cost ${costMicroUsd}`)
          open = false
          reserved -= microUsd
          spent += costMicroUsd
        },
      }
    },
  }
  return { spending, spent: () => spent, reserved: () => reserved, wanted }
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
  startCommand: async () => ({
    outputPath: '/scratch/job/1',
    ended: Promise.resolve({ exitCode: 0 }),
    stop: async () => undefined,
  }),
}

/** What is wrong with a conversation by the API's rules; undefined when nothing is. */
export function conversationProblem(messages: readonly ModelMessage[]): string | undefined {
  const seen = new Set<string>()
  for (const [index, message] of messages.entries()) {
    if (message.role !== (index % 2 === 0 ? 'user' : 'assistant')) return `message ${index} has role ${message.role}`
    if (message.content.length === 0) return `message ${index} is empty`
    if (message.content.some((block) => block.type === 'text' && block.text.trim() === ''))
      return `message ${index} has an empty text`
    const firstText = message.content.findIndex((block) => block.type !== 'tool_result')
    if (firstText >= 0 && message.content.slice(firstText).some((block) => block.type === 'tool_result'))
      return `message ${index} has a result behind a text`
    const asked = index === 0 ? [] : (messages[index - 1]?.content ?? [])
    const stray = message.content.find(
      (block) =>
        block.type === 'tool_result' && !asked.some((call) => call.type === 'tool_use' && call.id === block.toolUseId),
    )
    if (stray !== undefined) return `message ${index} answers a call that the message before does not have`
    if (message.role !== 'assistant') continue
    if (index === messages.length - 1) return 'the conversation ends with an assistant message'
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
