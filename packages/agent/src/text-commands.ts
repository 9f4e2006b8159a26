/** One command as it was written, not yet looked into. */
export type TextCommand = {
  readonly name: CommandName
  /** What stands after the name, without the line end: a path, a shell command, a title. May be empty. */
  readonly argument: string
  /** The lines between the delimiters, each with its line end; absent where there was no block. */
  readonly block?: string
}

export type ParsedReply =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'command'
      readonly command: TextCommand
      /** Names of the commands after the first; they are not carried out. */
      readonly ignored: readonly CommandName[]
    }
  /** A command was begun and cannot be carried out as it stands; `name` is what it would have been. */
  | { readonly kind: 'unusable'; readonly name: CommandName; readonly argument: string; readonly reason: string }

export const COMMAND_NAMES = ['READ_FILE', 'WRITE_FILE', 'LIST_FILES', 'RUN', 'DONE'] as const
export type CommandName = (typeof COMMAND_NAMES)[number]

/** Commands that may be followed by a block of lines. */
const TAKES_BLOCK: ReadonlySet<CommandName> = new Set(['WRITE_FILE', 'RUN', 'DONE'])
const COMMAND = /^[ \t]*(READ_FILE|WRITE_FILE|LIST_FILES|RUN|DONE)(?::|(?=[ \t]|$))[ \t]*(.*)$/i
/** What Markdown puts around a whole reply. */
const FENCE = /^(?:```|~~~)[ \t]*\w*$/
const OPENING = /^(<{4,})[ \t]*$/
const CLOSING = /^(>{4,})[ \t]*$/

const LONGER_PAIR =
  'If the text itself has a line of only such signs, use a longer pair of equal length around it, like <<<<<<<< and >>>>>>>>.'

/**
 * Reads the first command of a reply.
 *
 * A block opens with a line of four or more `<` right after the command and closes with the line of as many `>` that
 * pairs with it: pairs of that length inside belong to the content. Whatever comes after must be free of unpaired
 * delimiters, or nothing is carried out: content that has a lone `>>>>` of its own would else be cut there.
 */
export function parseReply(reply: string): ParsedReply {
  const lines = linesOf(reply)
  const at = findCommand(lines)
  if (at === undefined) return { kind: 'none' }
  const { name, argument, opening } = at
  const unusable = (reason: string): ParsedReply => ({ kind: 'unusable', name, argument, reason })
  if (opening === undefined) return withoutBlock(lines.slice(at.index + 1), name, argument)

  const block = readBlock(lines, opening)
  if (block === undefined) {
    return unusable(
      `its block has no end: no line of only ${'>'.repeat(opening.length)} pairs with the opening one. ${LONGER_PAIR}`,
    )
  }
  const rest = readRest(lines.slice(block.end + 1))
  if (rest === undefined) {
    return unusable(`more delimiter lines follow its end, so it is not clear where it ends. ${LONGER_PAIR}`)
  }
  return { kind: 'command', command: { name, argument, block: block.text }, ignored: rest }
}

/**
 * Windows line ends are the reply's own when its first line has one; else a carriage return belongs to the content.
 */
function linesOf(reply: string): readonly string[] {
  const firstEnd = reply.indexOf('\n')
  const windows = firstEnd > 0 && reply[firstEnd - 1] === '\r'
  return (windows ? reply.replaceAll('\r\n', '\n') : reply).split('\n')
}

type Opening = { readonly index: number; readonly length: number }
type Found = {
  readonly index: number
  readonly name: CommandName
  readonly argument: string
  readonly opening: Opening | undefined
}

/** The first line that is a command. Only the first line of a reply may be one in small letters: else prose would run. */
function findCommand(lines: readonly string[]): Found | undefined {
  const first = lines.findIndex((line) => line.trim() !== '' && !FENCE.test(line.trim()))
  for (let index = Math.max(0, first); index < lines.length; index += 1) {
    const found = commandAt(lines, index, index === first)
    if (found !== undefined) return found
  }
  return undefined
}

function commandAt(lines: readonly string[], index: number, isFirst: boolean): Found | undefined {
  const line = withoutTicks(lines[index] ?? '')
  const [, written = '', rest = ''] = COMMAND.exec(line) ?? []
  const name = nameOf(written, isFirst)
  if (name === undefined) return undefined
  const argument = rest.trim()
  if (!TAKES_BLOCK.has(name)) return { index, name, argument, opening: undefined }
  const before = withoutOpening(argument)
  if (before === argument) return { index, name, argument, opening: openingAfter(lines, index) }
  return { index, name, argument: before.trim(), opening: { index, length: argument.length - before.length } }
}

/** "Run the tests" is prose; `run npm test` and `Read_File a.ts` are not. */
function nameOf(written: string, isFirst: boolean): CommandName | undefined {
  const name = COMMAND_NAMES.find((known) => known === written.toUpperCase())
  if (name === undefined || written === name) return name
  return isFirst && (written === name.toLowerCase() || name.includes('_')) ? name : undefined
}

/** A line that ends with the opening delimiter, without it. Not by a regular expression, which could take ages. */
function withoutOpening(argument: string): string {
  let end = argument.length
  while (argument[end - 1] === '<') end -= 1
  return argument.length - end >= 4 ? argument.slice(0, end) : argument
}

function withoutTicks(line: string): string {
  return /^[ \t]*`([^`]+)`[ \t]*$/.exec(line)?.[1] ?? line
}

/** The opening line after a command; blank lines between do not matter. */
function openingAfter(lines: readonly string[], command: number): Opening | undefined {
  let index = command + 1
  while (lines[index]?.trim() === '') index += 1
  const signs = OPENING.exec(lines[index] ?? '')?.[1]
  return signs === undefined ? undefined : { index, length: signs.length }
}

function readBlock(lines: readonly string[], opening: Opening) {
  let depth = 1
  for (let index = opening.index + 1; index < lines.length; index += 1) {
    const line = lines[index] ?? ''
    if (OPENING.exec(line)?.[1]?.length === opening.length) depth += 1
    if (CLOSING.exec(line)?.[1]?.length === opening.length) depth -= 1
    if (depth > 0) continue
    const content = lines.slice(opening.index + 1, index)
    return { end: index, text: content.map((line) => `${line}\n`).join('') }
  }
  return undefined
}

/** The commands in what follows the first one; undefined when a delimiter there belongs to none. */
function readRest(lines: readonly string[]): readonly CommandName[] | undefined {
  const names: CommandName[] = []
  for (let index = 0; index < lines.length; index += 1) {
    const found = commandAt(lines, index, false)
    if (found === undefined) {
      if (OPENING.test(lines[index] ?? '') || CLOSING.test(lines[index] ?? '')) return undefined
      continue
    }
    names.push(found.name)
    if (found.opening === undefined) continue
    const block = readBlock(lines, found.opening)
    if (block === undefined) return undefined
    index = block.end
  }
  return names
}

/** A command of one line. For RUN nothing but other commands may follow: half of a script must not run. */
function withoutBlock(rest: readonly string[], name: CommandName, argument: string): ParsedReply {
  if (name === 'RUN') {
    const next = rest.find((line) => line.trim() !== '' && !FENCE.test(line.trim()))
    if (next !== undefined && commandAt([next], 0, false) === undefined) {
      return {
        kind: 'unusable',
        name,
        argument,
        reason:
          'text follows its line. A command is one line; put a longer script between lines of <<<< and >>>> after RUN, and say nothing after it.',
      }
    }
  }
  return { kind: 'command', command: { name, argument }, ignored: namesIn(rest) }
}

function namesIn(lines: readonly string[]): readonly CommandName[] {
  return readRest(lines) ?? lines.flatMap((_line, index) => commandAt(lines, index, false)?.name ?? [])
}
