import { type Refusal, refusal } from './refusal.ts'
import { blocksOf, type ContentBlock, type RequestMessage } from './request.ts'

/** Wording of all sentences below: the API's own, as quoted in public reports of these errors. */
export function conversationProblem(messages: readonly RequestMessage[]): Refusal | undefined {
  return roleProblem(messages) ?? emptyTextProblem(messages) ?? blockRoleProblem(messages) ?? toolProblem(messages)
}

/**
 * First a user message, then in turns; the last one not the assistant's.
 * Sources: sonnet-5-5/migration-guide, "assistant prefill" (400 on current models); SDK, MessageCreateParams.messages.
 * The API itself joins consecutive messages of one role. Here they are refused all the same: DevBot builds its
 * conversation in turns, so two in a row are a message that got lost or was sent twice. `system` messages may follow a
 * user message (build-with-claude/mid-conversation-system-messages).
 */
function roleProblem(messages: readonly RequestMessage[]): Refusal | undefined {
  if (messages[0]?.role !== 'user') return refusal('first-role', 'messages: first message must use the "user" role')
  for (const [index, { role }] of messages.entries()) {
    const previous = messages[index - 1]?.role
    if (role === 'system' && previous !== 'user')
      return refusal('system-placement', `messages.${index}: a "system" message must follow a "user" message`)
    if (role === (previous === 'system' ? 'user' : previous))
      return refusal(
        'roles-alternate',
        `messages: roles must alternate between "user" and "assistant" (messages.${index})`,
      )
  }
  if (messages.at(-1)?.role === 'assistant')
    return refusal(
      'prefill',
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    )
  return undefined
}

/** Sources: reports in anthropics/claude-code issues 59812 (non-empty text), 50082 (cache_control on empty text). */
function emptyTextProblem(messages: readonly RequestMessage[]): Refusal | undefined {
  for (const [index, message] of messages.entries()) {
    const blocks = blocksOf(message.content)
    if (blocks.length === 0)
      return refusal('empty-content', `messages.${index}: all messages must have non-empty content`)
    for (const block of [...blocks, ...blocks.flatMap(nestedBlocks)]) {
      if (block.type !== 'text' || block.text.trim() !== '') continue
      if (block.cache_control)
        return refusal('empty-text', `messages.${index}: cache_control cannot be set for empty text blocks`)
      return refusal('empty-text', 'messages: text content blocks must be non-empty')
    }
  }
  return undefined
}

function nestedBlocks(block: ContentBlock): readonly ContentBlock[] {
  return block.type === 'tool_result' && Array.isArray(block.content) ? block.content : []
}

/** Source: agents-and-tools/tool-use/handle-tool-calls (who sends which block). */
function blockRoleProblem(messages: readonly RequestMessage[]): Refusal | undefined {
  for (const [index, message] of messages.entries()) {
    const strange = blocksOf(message.content).find((block) => !blockTypesOf(message.role).includes(block.type))
    if (strange !== undefined)
      return refusal(
        'block-role',
        `messages.${index}: \`${strange.type}\` blocks are not allowed in ${message.role} messages`,
      )
  }
  return undefined
}

function blockTypesOf(role: RequestMessage['role']): readonly ContentBlock['type'][] {
  if (role === 'assistant') return ['text', 'thinking', 'tool_use']
  return role === 'user' ? ['text', 'image', 'tool_result'] : ['text']
}

/**
 * Every call is answered in the very next message, results first, and every id is used once.
 * Sources: agents-and-tools/tool-use/handle-tool-calls ("must immediately follow", "must come first in the content
 * array"); sentences from anthropics/claude-code issues 18947 and 8612, apify/tester-mcp-client issue 12, trycua/cua
 * issue 524.
 */
function toolProblem(messages: readonly RequestMessage[]): Refusal | undefined {
  const used = new Set<string>()
  for (const [index, message] of messages.entries()) {
    const calls = message.role === 'assistant' ? callIds(message) : []
    for (const id of calls) {
      if (used.has(id))
        return refusal('duplicate-tool-use', `messages.${index}: \`tool_use\` ids must be unique: ${id}`)
      used.add(id)
    }
    const problem = message.role === 'user' ? answerProblem(messages[index - 1], message, index) : undefined
    if (problem !== undefined) return problem
  }
  return undefined
}

function answerProblem(
  previous: RequestMessage | undefined,
  message: RequestMessage,
  index: number,
): Refusal | undefined {
  const asked = previous?.role === 'assistant' ? callIds(previous) : []
  const blocks = blocksOf(message.content)
  const answered = blocks.flatMap((block) => (block.type === 'tool_result' ? [block.tool_use_id] : []))
  const stray = answered.find((id) => !asked.includes(id))
  if (stray !== undefined)
    return refusal(
      'stray-tool-result',
      `messages.${index}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${stray}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
    )
  const open = asked.filter((id) => !answered.includes(id))
  if (open.length > 0)
    return refusal(
      'missing-tool-result',
      `messages.${index - 1}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${open.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
    )
  if (new Set(answered).size < answered.length)
    return refusal('duplicate-tool-result', `messages.${index}: each tool_use must have a single result`)
  if (blocks.slice(0, answered.length).some((block) => block.type !== 'tool_result'))
    return refusal(
      'tool-result-first',
      `messages.${index}: Did not find ${answered.length} tool_result block(s) at the beginning of this message. Messages following tool_use blocks must begin with a matching number of tool_result blocks.`,
    )
  return undefined
}

function callIds(message: RequestMessage): readonly string[] {
  return blocksOf(message.content).flatMap((block) => (block.type === 'tool_use' ? [block.id] : []))
}
