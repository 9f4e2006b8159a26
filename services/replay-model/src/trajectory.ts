import { z } from 'zod'

/** Error types of the Messages API by status. Source: platform.claude.com/docs/en/api/errors, "HTTP errors". */
export const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  504: 'timeout_error',
  529: 'overloaded_error',
}

const common = {
  times: z.int().min(1).max(10_000).default(1),
  /** Only requests for this model get it. */
  model: z.string().min(1).optional(),
}

/**
 * Something that goes wrong instead of (or before) a reply, `times` times. After that the reply is given, so a client
 * that tries again gets on.
 */
export const faultSchema = z.union([
  /** An HTTP error as the API would send it. */
  z.strictObject({
    status: z.int().min(400).max(599),
    /** `error.type` and `error.details.error_code`, where they are not those of the status. */
    errorType: z.string().min(1).optional(),
    errorCode: z.string().min(1).optional(),
    retryAfterSeconds: z.number().nonnegative().optional(),
    retryAfterMs: z.number().nonnegative().optional(),
    /** The same wait as a date, so many seconds from now. */
    retryAfterDateSeconds: z.number().optional(),
    message: z.string().optional(),
    /** A page of HTML instead of JSON, as a gateway in between would send it. */
    page: z.literal(true).optional(),
    ...common,
  }),
  /** The connection is torn down in the middle of the reply, or after so many events of a stream. */
  z.strictObject({ cut: z.union([z.literal(true), z.int().min(0).max(100_000)]), ...common }),
  /** The stream ends in good order, but after so many events. */
  z.strictObject({ endAfter: z.int().min(0).max(100_000), ...common }),
  /** A stream in which one event is no JSON. */
  z.strictObject({ garbled: z.literal(true), ...common }),
  /** A stream that begins well and then carries an `error` event, as the API does when it is overloaded. */
  z.strictObject({ streamError: z.enum(['overloaded_error', 'api_error']), ...common }),
  /** No byte is answered until the client gives up. */
  z.strictObject({ silent: z.literal(true), ...common }),
  /** The reply comes, but late. */
  z.strictObject({ delayMs: z.int().min(1).max(600_000), ...common }),
])
export type Fault = z.infer<typeof faultSchema>

const turnSchema = z.strictObject({
  /** Thinking before the reply. It comes back empty when the request's `thinking.display` is `omitted`, the default. */
  thinking: z.string().min(1).optional(),
  text: z.string().min(1).optional(),
  /** Several calls are made at once, in one reply. Where no tools are offered, one call is given as a line command. */
  calls: z
    .array(z.strictObject({ tool: z.string().min(1), input: z.record(z.string(), z.unknown()) }))
    .max(32)
    .default([]),
  /** A regular expression (flags `su`) that the results of the previous turn's calls, joined by line ends, must match. */
  expect: z.string().min(1).optional(),
  /** Played in order before this reply, counted per conversation. */
  faults: z.array(faultSchema).max(20).default([]),
  /** Waited before every playing of this reply. */
  delayMs: z.int().min(0).max(600_000).default(0),
  /** `tool_use` with calls and `end_turn` without, unless said otherwise. */
  stopReason: z.enum(['max_tokens', 'refusal']).optional(),
})
export type Turn = z.infer<typeof turnSchema>

const reviewSchema = z.strictObject({
  /** As the reviewer answers them; none approves. */
  findings: z
    .array(
      z.strictObject({
        severity: z.enum(['critical', 'major', 'minor']),
        path: z.string().optional(),
        line: z.int().positive().optional(),
        problem: z.string().min(1),
      }),
    )
    .max(50)
    .default([]),
  /** Instead of them: the answer as it is. */
  answer: z.string().min(1).optional(),
  faults: z.array(faultSchema).max(20).default([]),
})

const captureSchema = z.strictObject({
  /** Searched in the first user message, all hits; the first group counts where there is one. Repeated values count once. */
  pattern: z.string().min(1),
  /** How many different values there have to be; another number is a loud failure. */
  exactly: z.int().min(1).max(100).optional(),
})

/**
 * A recorded conversation: which first user message it belongs to, and the replies to give. The reply of turn N is
 * given to a request that carries N-1 assistant messages, so playing needs no memory.
 *
 * `{{name}}` and `{{name.0}}` in a text or a tool input stand for a captured value; anything else is left as it is.
 */
export const trajectorySchema = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9-]+$/, 'expected lower-case letters, digits and -'),
    /** Every one must occur in the first user message; `/.../flags` is a regular expression, all else plain text. */
    match: z.union([
      z
        .string()
        .min(1)
        .transform((text) => [text]),
      z.array(z.string().min(1)).min(1).max(20),
    ]),
    /** `revise` asks for a feedback item's id in the first user message, `implement` for none; absent: either. */
    run: z.enum(['implement', 'revise']).optional(),
    captures: z.record(z.string().regex(/^[a-z][a-z0-9_]*$/), captureSchema).default({}),
    turns: z.array(turnSchema).min(1).max(500),
    /**
     * A regular expression (flags `su`): a turn is given again for as long as the results of its calls match it, as a model
     * does that is told of an interrupted call. The turns after it are counted without these repetitions.
     */
    repeatWhile: z.string().min(1).optional(),
    /** What a self-review of the work answers. */
    review: reviewSchema.default({ findings: [], faults: [] }),
    /** After the last turn, give it again and again instead of failing loudly; its `expect` counts the first time only. */
    repeatLast: z.boolean().default(false),
  })
  .superRefine((trajectory, context) => {
    for (const pattern of patternsOf(trajectory)) {
      if (compilePattern(pattern) === undefined)
        context.addIssue({ code: 'custom', message: `not a regular expression: ${pattern}` })
    }
    const unknown = placeholdersIn(trajectory.turns).filter((name) => !(name in trajectory.captures))
    for (const name of unknown) context.addIssue({ code: 'custom', message: `placeholder {{${name}}} has no capture` })
  })
export type Trajectory = z.infer<typeof trajectorySchema>
/** A trajectory as it is written, defaults left out. */
export type TrajectoryInput = z.input<typeof trajectorySchema>

/** Matches a placeholder; groups: name, index. */
export const PLACEHOLDER = /\{\{([a-z][a-z0-9_]*)(?:\.(\d{1,3}))?\}\}/g

/** The `/source/flags` of a match entry as a regular expression; undefined for plain text. */
export function matchPattern(entry: string): RegExp | undefined {
  const parts = /^\/(.+)\/([a-z]*)$/s.exec(entry)
  return parts?.[1] === undefined ? undefined : new RegExp(parts[1], parts[2])
}

function patternsOf(trajectory: {
  readonly match: readonly string[]
  readonly captures: Readonly<Record<string, { readonly pattern: string }>>
  readonly turns: readonly Turn[]
  readonly repeatWhile?: string | undefined
}): readonly (readonly [source: string, flags: string])[] {
  const matches = trajectory.match.flatMap((entry) => {
    const parts = /^\/(.+)\/([a-z]*)$/s.exec(entry)
    return parts === null ? [] : [[parts[1] ?? '', parts[2] ?? ''] as const]
  })
  const captures = Object.values(trajectory.captures).map((capture) => [capture.pattern, 'g'] as const)
  const expects = trajectory.turns.flatMap((turn) => (turn.expect === undefined ? [] : [[turn.expect, 'su'] as const]))
  const repeats = trajectory.repeatWhile === undefined ? [] : [[trajectory.repeatWhile, 'su'] as const]
  return [...matches, ...captures, ...expects, ...repeats]
}

function compilePattern([source, flags]: readonly [string, string]): RegExp | undefined {
  try {
    return new RegExp(source, flags)
  } catch {
    // A pattern that does not compile is the answer the caller asked for.
    return undefined
  }
}

function placeholdersIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [...value.matchAll(PLACEHOLDER)].map((hit) => hit[1] ?? '')
  if (Array.isArray(value)) return value.flatMap(placeholdersIn)
  if (value !== null && typeof value === 'object') return Object.values(value).flatMap(placeholdersIn)
  return []
}
