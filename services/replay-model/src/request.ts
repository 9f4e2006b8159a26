import { z } from 'zod'
import { type Refusal, refusal } from './refusal.ts'

/*
 * The shape of a request. Source: MessageCreateParams in @anthropic-ai/sdk 1.12, resources/messages/messages.d.ts.
 * Objects are strict, because the API answers "Extra inputs are not permitted" to a field it does not know.
 * Of the content blocks only those are known that an agent with tools of its own sends; the rest (documents, server
 * tools, toolsets) is refused here although the API knows it, because no trajectory can play it.
 */
const cacheControl = z.strictObject({ type: z.literal('ephemeral'), ttl: z.enum(['5m', '1h']).optional() }).nullish()
/** Source: the API's 400 "String should match pattern '^[a-zA-Z0-9_-]+$'" for other characters in an id. */
const blockId = z.string().regex(/^[a-zA-Z0-9_-]+$/, "String should match pattern '^[a-zA-Z0-9_-]+$'")

const textBlock = z.strictObject({
  type: z.literal('text'),
  text: z.string(),
  cache_control: cacheControl,
  citations: z.null().optional(),
})
const imageBlock = z.strictObject({
  type: z.literal('image'),
  source: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('base64'),
      media_type: z.enum(['image/jpeg', 'image/png', 'image/gif', 'image/webp']),
      data: z.string().min(1),
    }),
    z.strictObject({ type: z.literal('url'), url: z.string().min(1) }),
  ]),
  cache_control: cacheControl,
})
const toolUseBlock = z.strictObject({
  type: z.literal('tool_use'),
  id: blockId,
  name: z.string().min(1).max(200),
  input: z.record(z.string(), z.unknown()),
  caller: z.strictObject({ type: z.literal('direct') }).optional(),
  toolset_name: z.null().optional(),
  cache_control: cacheControl,
})
const toolResultBlock = z.strictObject({
  type: z.literal('tool_result'),
  tool_use_id: blockId,
  content: z.union([z.string(), z.array(z.discriminatedUnion('type', [textBlock, imageBlock]))]).optional(),
  is_error: z.boolean().optional(),
  toolset_name: z.null().optional(),
  cache_control: cacheControl,
})
const thinkingBlock = z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() })

const contentBlock = z.discriminatedUnion('type', [textBlock, imageBlock, toolUseBlock, toolResultBlock, thinkingBlock])
export type ContentBlock = z.infer<typeof contentBlock>

const message = z.strictObject({
  role: z.enum(['user', 'assistant', 'system']),
  content: z.union([z.string(), z.array(contentBlock)]),
})
export type RequestMessage = z.infer<typeof message>

const tool = z.strictObject({
  type: z.literal('custom').nullish(),
  /** Source: the API's 400 on `tools.0.custom.name`. */
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/, "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"),
  description: z.string().optional(),
  input_schema: z.looseObject({
    type: z.literal('object'),
    properties: z.record(z.string(), z.unknown()).nullish(),
    required: z.array(z.string()).nullish(),
  }),
  cache_control: cacheControl,
  strict: z.boolean().optional(),
  eager_input_streaming: z.boolean().nullish(),
  input_examples: z.array(z.record(z.string(), z.unknown())).optional(),
})
export type ToolDefinition = z.infer<typeof tool>

const parallel = { disable_parallel_tool_use: z.boolean().optional() }
const toolChoice = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('auto'), ...parallel }),
  z.strictObject({ type: z.literal('any'), ...parallel }),
  z.strictObject({ type: z.literal('tool'), name: z.string(), ...parallel }),
  z.strictObject({ type: z.literal('none') }),
])
const display = z.enum(['summarized', 'omitted']).nullish()
const thinking = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('adaptive'), display }),
  z.strictObject({ type: z.literal('between_tools') }),
  z.strictObject({ type: z.literal('disabled') }),
  z.strictObject({ type: z.literal('enabled'), budget_tokens: z.int(), display }),
])

/** A request body that has the API's shape; what else is wrong with it is told by the rules. */
export const requestSchema = z.strictObject({
  model: z.string().min(1).max(256),
  /** The API also takes 0, to warm the cache; DevBot never does, so it is treated as the slip it would be. */
  max_tokens: z.int().min(1),
  messages: z.array(message).min(1, 'at least one message is required').max(100_000),
  system: z.union([z.string(), z.array(textBlock)]).optional(),
  tools: z.array(tool).max(1000).optional(),
  tool_choice: toolChoice.optional(),
  stream: z.boolean().optional(),
  thinking: thinking.optional(),
  output_config: z
    .strictObject({ effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).nullish(), format: z.null().optional() })
    .optional(),
  cache_control: cacheControl,
  metadata: z.strictObject({ user_id: z.string().max(256).nullish() }).optional(),
  service_tier: z.enum(['auto', 'standard_only']).optional(),
  stop_sequences: z.array(z.string().min(1)).optional(),
  temperature: z.number().min(0).max(1).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.int().min(0).optional(),
})
export type MessagesRequest = z.infer<typeof requestSchema>

/** The body as a request, or the API's kind of answer to a malformed one. */
export function parseRequest(body: unknown): MessagesRequest | Refusal {
  const result = requestSchema.safeParse(body, { reportInput: true })
  return result.success ? result.data : refusal('request-shape', shapeProblem(result.error.issues))
}

/** The first problem, in the API's own wording where it is known: `path: Field required`. */
function shapeProblem(issues: readonly z.core.$ZodIssue[], parent: readonly PropertyKey[] = []): string {
  const issue = issues[0]
  if (issue === undefined) return 'the request is malformed'
  const path = [...parent, ...issue.path]
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return shapeProblem(closestBranch(issue.errors), path)
  if (issue.code === 'unrecognized_keys')
    return `${[...path, issue.keys[0] ?? ''].join('.')}: Extra inputs are not permitted`
  if (issue.code === 'invalid_type' && issue.input === undefined) return `${path.join('.')}: Field required`
  return `${path.join('.')}: ${issue.message}`
}

/** Of a union's branches the one that got furthest into the value: its problem is the one meant. */
function closestBranch(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  const depth = (branch: readonly z.core.$ZodIssue[]) => branch[0]?.path.length ?? 0
  return [...branches].sort((a, b) => depth(b) - depth(a))[0] ?? []
}

/** A message's content as blocks: a string is short for one text block (SDK, MessageParam). */
export function blocksOf(content: string | readonly ContentBlock[]): readonly ContentBlock[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content
}

/** All text of a message, blocks joined by line ends. */
export function textOf(content: string | readonly ContentBlock[]): string {
  return blocksOf(content)
    .flatMap((block) => (block.type === 'text' ? [block.text] : []))
    .join('\n')
}
