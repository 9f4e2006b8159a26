import { feedbackDecisionSchema, type RunKind } from '@devbot/contracts'
import type { ModelBlock, ModelMessage, ModelReply } from './model-client.ts'
import { renderPrompt } from './render-prompt.ts'
import { COMMAND_NAMES, type CommandName, type ParsedReply, parseReply, type TextCommand } from './text-commands.ts'
import type { ToolAnswer, ToolCall, ToolProtocol } from './tool-protocol.ts'

/** Stands for a reply without any content; the API takes no empty message back. */
const NOTHING_SAID = '(nothing)'
const NUDGE = `There was no command in your reply. The first line of a reply is one of ${COMMAND_NAMES.join(', ')}. Go on with the work, or end it with DONE and say in its description what could not be done.`
const CUT = 'Your reply was cut off at the output limit before its command. Send a command at once, in smaller parts.'
/** Stop reasons of a reply that is not whole: the API's, and the name that other protocols' gateways pass on. */
const CUT_OFF: ReadonlySet<string> = new Set(['max_tokens', 'length'])

const TOOL_OF: Readonly<Record<CommandName, string>> = {
  READ_FILE: 'read',
  WRITE_FILE: 'write',
  LIST_FILES: 'list',
  RUN: 'shell',
  DONE: 'finish',
}

/**
 * The line protocol, for models and gateways without tool use: the first line of a reply is the command, results go
 * back as text. `delimiter` is the run's random mark: results stand between marks that no file can know.
 */
export function createTextProtocol(run: { readonly delimiter: string; readonly runKind: RunKind }): ToolProtocol {
  const revise = run.runKind === 'revise'
  return {
    nudges: { silent: NUDGE, cut: CUT },
    offer: () => ({ tools: [], systemText: renderPrompt('text-protocol', { revise }) }),
    read(reply, turn, usedIds) {
      const content = reply.content.filter(isKept)
      const call = callFrom(parseReply(textOf(content)), reply, { id: freshId(turn, usedIds), revise })
      return {
        message: { role: 'assistant', content: withSomeText(content) },
        calls: call === undefined ? [] : [call],
      }
    },
    answer(answers, texts): ModelMessage {
      const results = answers.map((answer) => resultText(answer, run.delimiter))
      const content = [...results, ...texts].filter((text) => text.trim() !== '')
      return { role: 'user', content: content.map((text) => ({ type: 'text', text })) }
    },
  }
}

/** Tool use that was not offered could never be answered; empty text is refused when it is sent back. */
function isKept(block: ModelBlock): boolean {
  return block.type !== 'tool_use' && (block.type !== 'text' || block.text.trim() !== '')
}

function withSomeText(content: readonly ModelBlock[]): readonly ModelBlock[] {
  return content.some((block) => block.type === 'text') ? content : [...content, { type: 'text', text: NOTHING_SAID }]
}

function textOf(content: readonly ModelBlock[]): string {
  return content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n')
}

function freshId(turn: number, usedIds: ReadonlySet<string>): string {
  let id = `text_${turn}`
  while (usedIds.has(id)) id = `${id}_`
  return id
}

function callFrom(
  parsed: ParsedReply,
  reply: ModelReply,
  { id, revise }: { readonly id: string; readonly revise: boolean },
): ToolCall | undefined {
  if (parsed.kind === 'none') return undefined
  const refuse = (name: CommandName, argument: string, reason: string): ToolCall => ({
    id,
    name: TOOL_OF[name],
    input: { argument },
    refusal: `${name} was not carried out: ${reason}`,
  })
  const { name, argument } = parsed.kind === 'command' ? parsed.command : parsed
  if (CUT_OFF.has(reply.stopReason)) {
    return refuse(name, argument, 'your reply was cut off at the output limit. Send it again in smaller parts.')
  }
  if (parsed.kind === 'unusable') return refuse(name, argument, parsed.reason)
  const read = inputOf(parsed.command, revise)
  if ('reason' in read) return refuse(name, argument, read.reason)
  const notice = noticeFor(name, parsed.ignored)
  return { id, name: TOOL_OF[name], input: read.input, ...(notice === undefined ? {} : { notice }) }
}

function noticeFor(name: CommandName, ignored: readonly CommandName[]): string | undefined {
  if (ignored.length === 0) return undefined
  return `Only ${name}, the first command of your reply, was carried out; after it came ${ignored.join(', ')}. Send them one by one.`
}

type Read = { readonly input: unknown } | { readonly reason: string }

function inputOf({ name, argument, block }: TextCommand, revise: boolean): Read {
  switch (name) {
    case 'READ_FILE':
      return argument === '' ? { reason: 'it needs a path: READ_FILE <path>.' } : { input: { path: argument } }
    case 'LIST_FILES':
      return { input: { path: argument === '' ? '.' : argument } }
    case 'WRITE_FILE':
      return writeInput(argument, block)
    case 'RUN':
      return runInput(argument, block)
    case 'DONE':
      return doneInput(argument, block, revise)
  }
}

function writeInput(path: string, content: string | undefined): Read {
  if (path === '') return { reason: 'it needs a path: WRITE_FILE <path>.' }
  if (content === undefined) return { reason: 'the content must follow between a line <<<< and a line >>>>.' }
  return { input: { path, content } }
}

function runInput(command: string, script: string | undefined): Read {
  if (script !== undefined && command !== '')
    return { reason: 'it has a command in its line and a script after it; give one of them.' }
  const text = script ?? command
  return text.trim() === '' ? { reason: 'it needs a command: RUN <command>.' } : { input: { command: text } }
}

function doneInput(title: string, block: string | undefined, revise: boolean): Read {
  if (title === '') return { reason: 'it needs a title: DONE <title>.' }
  if (block === undefined) return { reason: 'the description must follow between a line <<<< and a line >>>>.' }
  return revise ? withAnswers(title, block) : { input: { title, summary: block.trim() } }
}

const ITEM_LINE = /^ITEM\b(.*)$/
const ITEM_ANSWER = new RegExp(`^[ \\t]+(\\S+)[ \\t]+(${feedbackDecisionSchema.options.join('|')})[ \\t]*:(.*)$`, 'i')
const ITEM_FORM = `Expected ITEM <id> ${feedbackDecisionSchema.options.join('|')}: <reply>.`

/** The description up to the first ITEM line, then one answer for each of these lines. */
function withAnswers(title: string, block: string): Read {
  const summary: string[] = []
  const feedback: { item: string; decision: string; reply: string }[] = []
  for (const line of block.split('\n')) {
    const item = ITEM_LINE.exec(line)
    const last = feedback.at(-1)
    if (item === null) {
      if (last === undefined) summary.push(line)
      else last.reply += `\n${line}`
      continue
    }
    const [, id, decision, reply] = ITEM_ANSWER.exec(item[1] ?? '') ?? []
    if (id === undefined || decision === undefined) {
      return { reason: `this line is no answer to an item: ${line.slice(0, 200)}. ${ITEM_FORM}` }
    }
    feedback.push({ item: id, decision: decision.toLowerCase(), reply: reply ?? '' })
  }
  const answers = feedback.map((answer) => ({ ...answer, reply: answer.reply.trim() }))
  return { input: { title, summary: summary.join('\n').trim(), feedback: answers } }
}

function resultText({ call, isError, text }: ToolAnswer, delimiter: string): string {
  const command = COMMAND_NAMES.find((name) => TOOL_OF[name] === call.name) ?? call.name
  const label = `result of ${command}${isError ? ' (error)' : ''} ${delimiter}`
  const result = `BEGIN ${label}\n${text === '' ? '(empty)' : text}\nEND ${label}`
  return call.notice === undefined ? result : `${result}\n${call.notice}`
}
