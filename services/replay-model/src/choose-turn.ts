import { type Refusal, refusal } from './refusal.ts'
import { blocksOf, type MessagesRequest, type ToolDefinition, textOf } from './request.ts'
import { isReview, reviewTurn } from './review-turn.ts'
import { speaksText, textProblem } from './text-commands.ts'
import { matchPattern, PLACEHOLDER, type Trajectory, type Turn } from './trajectory.ts'

/** A turn ready to be given: placeholders filled, expectations met. */
export type ChosenTurn = { readonly trajectory: string; readonly index: number; readonly turn: Turn }

/** A feedback item's id as DevBot writes it (packages/contracts, feedbackIdSchema): its presence tells a revise run. */
const FEEDBACK_ID = /\b\d+-(?:review|inline-comment|conversation-comment)-\d+-[0-9a-f]{8}\b/

/** How DevBot says in a conversation's head that turns left it (packages/agent, prompts/compacted.md). */
const TURNS_LEFT = /^This conversation had grown too long\. Turns 1 to (\d{1,4}) are no longer in it/m

/**
 * The reply recorded for this request. Which trajectory: the one whose `match` fits the first user message; which
 * turn: the number of assistant messages so far, and of those that the conversation says were left out of it, without
 * those whose calls the trajectory repeats. Anything that does not fit is a refusal, never a guess.
 */
export function chooseTurn(trajectories: readonly Trajectory[], request: MessagesRequest): ChosenTurn | Refusal {
  const opening = textOf(request.messages[0]?.content ?? '')
  const trajectory = trajectoryFor(trajectories, opening)
  if (isReview(request)) {
    // A review shows less than the work did, so what told the trajectories apart may be missing: then it approves.
    const reviewed = 'rule' in trajectory ? undefined : trajectory
    return { trajectory: `${reviewed?.name ?? 'none'} (review)`, index: 0, turn: reviewTurn(reviewed) }
  }
  if ('rule' in trajectory) return trajectory
  const index = Number(TURNS_LEFT.exec(opening)?.[1] ?? 0) + givenTurns(request, trajectory)
  const recorded = trajectory.turns[index] ?? (trajectory.repeatLast ? trajectory.turns.at(-1) : undefined)
  if (recorded === undefined)
    return refusal(
      'trajectory-ended',
      `replay: trajectory "${trajectory.name}" has ${trajectory.turns.length} turns, and turn ${index + 1} is asked for`,
    )
  const isFirstTime = index < trajectory.turns.length
  const where = `trajectory "${trajectory.name}", turn ${index + 1}`
  const unexpected = isFirstTime ? expectationProblem(recorded, request, where) : undefined
  if (unexpected !== undefined) return unexpected
  const turn = fillPlaceholders(recorded, trajectory, opening)
  if ('rule' in turn) return turn
  return callProblem(turn, request, trajectory.name) ?? { trajectory: trajectory.name, index, turn }
}

/** Replies in the conversation whose calls were answered with something else than what has them repeated. */
function givenTurns({ messages }: MessagesRequest, { repeatWhile }: Trajectory): number {
  const replies = messages.flatMap(({ role }, index) => (role === 'assistant' ? [messages[index + 1]] : []))
  if (repeatWhile === undefined) return replies.length
  const pattern = new RegExp(repeatWhile, 'su')
  return replies.filter((answer) => answer === undefined || !pattern.test(resultsOf(answer.content))).length
}

function trajectoryFor(trajectories: readonly Trajectory[], opening: string): Trajectory | Refusal {
  const run = FEEDBACK_ID.test(opening) ? 'revise' : 'implement'
  const fitting = trajectories.filter(
    (trajectory) =>
      (trajectory.run === undefined || trajectory.run === run) &&
      trajectory.match.every((entry) => matchPattern(entry)?.test(opening) ?? opening.includes(entry)),
  )
  const [only, ...others] = fitting
  if (only !== undefined && others.length === 0) return only
  const names = (only === undefined ? trajectories : fitting).map((trajectory) => trajectory.name).join(', ')
  const what = only === undefined ? `no trajectory fits this ${run} run; there are` : 'more than one trajectory fits'
  return refusal(
    only === undefined ? 'no-trajectory' : 'ambiguous-trajectory',
    `replay: ${what}: ${names}. The first user message begins: ${opening.slice(0, 300)}`,
  )
}

function expectationProblem(turn: Turn, request: MessagesRequest, where: string): Refusal | undefined {
  if (turn.expect === undefined) return undefined
  const seen = resultsIn(request)
  if (new RegExp(turn.expect, 'su').test(seen)) return undefined
  return refusal(
    'expectation',
    `replay: ${where} expects the last tool results to match /${turn.expect}/, but they are: ${seen.slice(0, 2000)}`,
  )
}

/** Results of tools, or where none are offered all that the last message says. */
function resultsIn(request: MessagesRequest): string {
  const content = request.messages.at(-1)?.content ?? ''
  return speaksText(request) ? textOf(content) : resultsOf(content)
}

function resultsOf(content: MessagesRequest['messages'][number]['content']): string {
  const results = blocksOf(content).flatMap((block) =>
    block.type === 'tool_result' ? [textOf(block.content ?? '')] : [],
  )
  return results.join('\n')
}

function fillPlaceholders(turn: Turn, trajectory: Trajectory, opening: string): Turn | Refusal {
  const captured = new Map<string, readonly string[]>()
  for (const [name, { pattern, exactly }] of Object.entries(trajectory.captures)) {
    const values = [...new Set([...opening.matchAll(new RegExp(pattern, 'g'))].map((hit) => hit[1] ?? hit[0]))]
    if (exactly !== undefined && values.length !== exactly)
      return refusal(
        'capture-count',
        `replay: trajectory "${trajectory.name}" expects ${exactly} values of "${name}" (/${pattern}/) in the first user message, found ${values.length}: ${values.join(', ')}`,
      )
    captured.set(name, values)
  }
  const missing: string[] = []
  const fill = (text: string): string =>
    text.replaceAll(PLACEHOLDER, (placeholder, name: string, index: string | undefined) => {
      const values = captured.get(name) ?? []
      const value = index === undefined && values.length !== 1 ? undefined : values[Number(index ?? 0)]
      if (value === undefined) missing.push(placeholder)
      return value ?? placeholder
    })
  const filled = {
    ...turn,
    ...(turn.text === undefined ? {} : { text: fill(turn.text) }),
    calls: turn.calls.map(({ tool, input }) => ({ tool, input: fillRecord(input, fill) })),
  }
  if (missing.length === 0) return filled
  return refusal(
    'placeholder',
    `replay: trajectory "${trajectory.name}" uses ${missing.join(', ')}, which the first user message gives no single value for`,
  )
}

function fillRecord(input: Readonly<Record<string, unknown>>, fill: (text: string) => string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(input).map(([key, value]) => [key, fillValue(value, fill)]))
}

function fillValue(value: unknown, fill: (text: string) => string): unknown {
  if (typeof value === 'string') return fill(value)
  if (Array.isArray(value)) return value.map((entry) => fillValue(entry, fill))
  if (value !== null && typeof value === 'object') return fillRecord(value as Record<string, unknown>, fill)
  return value
}

/** A call that the offered tools could not take shows that the trajectory was recorded for other tools. */
function callProblem(turn: Turn, request: MessagesRequest, trajectory: string): Refusal | undefined {
  if (speaksText(request)) {
    const problem = textProblem(turn.calls)
    if (problem === undefined) return undefined
    return refusal('unfit-call', `replay: trajectory "${trajectory}" cannot be given as text: ${problem}`)
  }
  for (const { tool, input } of turn.calls) {
    const offered = (request.tools ?? []).find((candidate) => candidate.name === tool)
    const problem = offered === undefined ? 'which the request does not offer' : inputProblem(offered, input)
    if (problem !== undefined)
      return refusal('unfit-call', `replay: trajectory "${trajectory}" calls the tool "${tool}", ${problem}`)
  }
  return undefined
}

function inputProblem(
  { input_schema: schema }: ToolDefinition,
  input: Readonly<Record<string, unknown>>,
): string | undefined {
  const known = Object.keys(schema.properties ?? {})
  const missing = schema.required?.find((name) => !(name in input))
  if (missing !== undefined) return `whose schema requires "${missing}"`
  const unknown = Object.keys(input).find((name) => !known.includes(name))
  return unknown === undefined ? undefined : `whose schema has no "${unknown}"`
}
