import { NEWEST_API_VERSION } from './check-headers.ts'
import { conversationProblem } from './conversation-rules.ts'
import { CONTEXT_TOKENS, MAX_OUTPUT_TOKENS, MODELS, type ModelFacts } from './models.ts'
import { type PromptBlock, promptBlocks } from './prompt-blocks.ts'
import { type Refusal, refusal } from './refusal.ts'
import { blocksOf, type MessagesRequest } from './request.ts'
import { signatureProblem } from './thinking-signature.ts'

/** Breakpoints in one request. Source: build-with-claude/prompt-caching; the sentence: tghamm/Anthropic.SDK issue 50. */
const MAX_BREAKPOINTS = 4

/** What the API would refuse in a request of the right shape; undefined when nothing. */
export function requestProblem(request: MessagesRequest, apiVersion: string): Refusal | undefined {
  const model = MODELS[request.model]
  // Source: api/errors; the sentence as the API gives it for an unknown model id.
  if (model === undefined) return refusal('unknown-model', `model: ${request.model}`, 404)
  const blocks = promptBlocks(request)
  return (
    limitProblem(request, blocks) ??
    samplingProblem(request, apiVersion) ??
    thinkingProblem(request, model) ??
    toolsProblem(request, model) ??
    cacheProblem(request, blocks) ??
    systemProblem(request) ??
    conversationProblem(request.messages) ??
    toolBlocksProblem(request) ??
    signatureProblem(request, blocks)
  )
}

function limitProblem(request: MessagesRequest, blocks: readonly PromptBlock[]): Refusal | undefined {
  if (request.max_tokens > MAX_OUTPUT_TOKENS)
    return refusal(
      'max-tokens',
      `max_tokens: ${request.max_tokens} > ${MAX_OUTPUT_TOKENS}, which is the maximum allowed number of output tokens for ${request.model}`,
    )
  const tokens = blocks.at(-1)?.tokensSoFar ?? 0
  if (tokens > CONTEXT_TOKENS)
    return refusal('prompt-too-long', `prompt is too long: ${tokens} tokens > ${CONTEXT_TOKENS} maximum`)
  return undefined
}

/**
 * Sources: api/versioning, 2026-10-21 (the three parameters are removed, any of them returns 400);
 * sonnet-5/migration-guide (before that, values other than the defaults do); the sentence: earendil-works/pi pull 7961.
 */
function samplingProblem(request: MessagesRequest, apiVersion: string): Refusal | undefined {
  const removed = apiVersion === NEWEST_API_VERSION
  const name = (['temperature', 'top_p', 'top_k'] as const).find(
    (parameter) =>
      request[parameter] !== undefined && (removed || parameter !== 'temperature' || request[parameter] !== 1),
  )
  if (name === undefined) return undefined
  return refusal(
    'sampling',
    removed ? `${name}: Extra inputs are not permitted` : `\`${name}\` is deprecated for this model.`,
  )
}

/** Source: opus-5-5/whats-new-opus-5-5, "Thinking can't be disabled", and thinking-troubleshooting. */
function thinkingProblem(request: MessagesRequest, model: ModelFacts): Refusal | undefined {
  const type = request.thinking?.type
  if (type === undefined) return undefined
  if (type !== 'enabled' && model.thinking.includes(type)) return effortProblem(request, type)
  return refusal(
    'thinking-type',
    `"thinking.type.${type}" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.`,
  )
}

/** Source: sonnet-5-5/whats-new-sonnet-5-5 and thinking (off goes with effort up to `high`). */
function effortProblem(request: MessagesRequest, type: string): Refusal | undefined {
  const effort = request.output_config?.effort
  if (type === 'adaptive' || (effort !== 'xhigh' && effort !== 'max')) return undefined
  return refusal('thinking-effort', `"thinking.type.${type}" is not supported at effort "${effort}".`)
}

function toolsProblem(request: MessagesRequest, model: ModelFacts): Refusal | undefined {
  const names = (request.tools ?? []).map((tool) => tool.name)
  if (new Set(names).size < names.length) return refusal('tool-names', 'tools: Tool names must be unique.')
  const missing = (request.tools ?? []).find((tool) => missingProperty(tool.input_schema) !== undefined)
  if (missing !== undefined)
    return refusal(
      'tool-schema',
      `tools.${missing.name}.input_schema: "required" names ${missingProperty(missing.input_schema)}, which "properties" does not have`,
    )
  const choice = request.tool_choice
  if (choice === undefined) return undefined
  if (names.length === 0) return refusal('tool-choice', 'tool_choice: may only be specified while providing tools')
  if (choice.type === 'tool' && !names.includes(choice.name))
    return refusal('tool-choice', `tool_choice: tool '${choice.name}' not found in provided tools`)
  // Source: sonnet-5-5/migration-guide and opus-5-5/whats-new-opus-5-5, "Forced tool use is not supported".
  if (!model.forcedToolChoice && (choice.type === 'any' || choice.type === 'tool'))
    return refusal('forced-tool-choice', `tool_choice: "${choice.type}" is not supported for this model`)
  return undefined
}

/** Source: the API's 400 for such a request; the sentence: BerriAI/litellm issue 5747. */
function toolBlocksProblem({ tools, messages }: MessagesRequest): Refusal | undefined {
  const isOfTools = (type: string) => type === 'tool_use' || type === 'tool_result'
  if (
    (tools ?? []).length > 0 ||
    !messages.some(({ content }) => blocksOf(content).some(({ type }) => isOfTools(type)))
  )
    return undefined
  return refusal('tools-missing', 'Requests which include `tool_use` or `tool_result` blocks must define tools')
}

function missingProperty(schema: NonNullable<MessagesRequest['tools']>[number]['input_schema']): string | undefined {
  return schema.required?.find((name) => !Object.hasOwn(schema.properties ?? {}, name))
}

/** Source: build-with-claude/prompt-caching (four breakpoints, the automatic one included; 1h before 5m). */
function cacheProblem(request: MessagesRequest, blocks: readonly PromptBlock[]): Refusal | undefined {
  const marks = blocks.flatMap((block) => (block.breakpoint === undefined ? [] : [block.breakpoint]))
  const count = marks.length + (request.cache_control ? 1 : 0)
  if (count > MAX_BREAKPOINTS)
    return refusal(
      'cache-breakpoints',
      `A maximum of ${MAX_BREAKPOINTS} blocks with cache_control may be provided. Found ${count}.`,
    )
  if (marks.some((ttl, index) => ttl === '1h' && marks.slice(0, index).includes('5m')))
    return refusal(
      'cache-ttl-order',
      "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block",
    )
  return undefined
}

/** Source: build-with-claude/prompt-caching ("Empty text blocks cannot be cached") and the API's 400 on system text. */
function systemProblem(request: MessagesRequest): Refusal | undefined {
  if (!Array.isArray(request.system) || request.system.every((block) => block.text.trim() !== '')) return undefined
  return refusal('empty-text', 'system: text content blocks must be non-empty')
}
