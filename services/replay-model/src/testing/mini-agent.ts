import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import Anthropic from '@anthropic-ai/sdk'

/** The tools' inputs as packages/agent offers them; kept here because services of the demo do not import the agent. */
const TOOLS: Anthropic.Tool[] = [
  tool('shell', { command: 'string', timeout_s: 'integer' }, ['command']),
  tool('read', { path: 'string', from_line: 'integer', line_count: 'integer' }, ['path']),
  tool('write', { path: 'string', content: 'string' }, ['path', 'content']),
  tool('edit', { path: 'string', old_text: 'string', new_text: 'string', count: 'integer' }, [
    'path',
    'old_text',
    'new_text',
  ]),
  tool('list', { path: 'string', glob: 'string' }, []),
  tool('search', { pattern: 'string', path: 'string', glob: 'string', ignore_case: 'boolean' }, ['pattern']),
  tool(
    'finish',
    {
      title: 'string',
      summary: 'string',
      key_changes: 'array',
      technical_decisions: 'array',
      testing_notes: 'string',
      next_steps: 'array',
      feedback: 'array',
    },
    ['title', 'summary'],
  ),
]

export type FinishInput = {
  readonly title: string
  readonly summary: string
  readonly feedback?: readonly { readonly item: string; readonly decision: string; readonly reply: string }[]
}
export type MiniRun = {
  readonly finish: FinishInput | undefined
  readonly turns: number
  readonly results: readonly string[]
}

/**
 * Plays a whole run against the replay model with real files and real commands: ask, do what is called, answer, until
 * finish or `maxTurns`. `node` and `npm` of the shell are this process' own node.
 */
export async function runMiniAgent(options: {
  readonly url: string
  readonly apiKey: string
  readonly opening: string
  readonly directory: string
  readonly maxTurns?: number
  /** What finish is answered with; the run ends when undefined. */
  readonly rejectFinish?: string
}): Promise<MiniRun> {
  const client = new Anthropic({ apiKey: options.apiKey, baseURL: options.url, maxRetries: 0 })
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: options.opening }]
  const results: string[] = []
  for (let turn = 1; turn <= (options.maxTurns ?? 40); turn += 1) {
    const reply = await client.messages
      .stream({ model: 'claude-sonnet-5-5', max_tokens: 32_000, tools: TOOLS, messages })
      .finalMessage()
    const calls = reply.content.filter((block) => block.type === 'tool_use')
    const finish = calls.find((call) => call.name === 'finish')
    if (finish !== undefined && options.rejectFinish === undefined)
      return { finish: finish.input as FinishInput, turns: turn, results }
    messages.push({ role: 'assistant', content: reply.content as Anthropic.ContentBlockParam[] })
    const answers: Anthropic.ToolResultBlockParam[] = []
    for (const call of calls) {
      const text = call === finish ? (options.rejectFinish ?? '') : await useTool(call, options.directory)
      results.push(text)
      answers.push({ type: 'tool_result', tool_use_id: call.id, content: text })
    }
    messages.push({ role: 'user', content: answers })
  }
  return { finish: undefined, turns: options.maxTurns ?? 40, results }
}

async function useTool(call: Anthropic.ToolUseBlock, directory: string): Promise<string> {
  const input = call.input as Record<string, string>
  const path = join(directory, input.path ?? '.')
  switch (call.name) {
    case 'shell':
      return shell(input.command ?? '', directory)
    case 'read':
      return readFile(path, 'utf8')
    case 'list':
      return (await readdir(path, { recursive: input.glob !== undefined })).sort().join('\n')
    case 'search':
      return shell(`grep -rnE -e '${input.pattern}' ${input.path ?? '.'} | sed 's,^\\./,,'`, directory)
    case 'write':
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, input.content ?? '')
      return `Wrote ${Buffer.byteLength(input.content ?? '')} bytes to ${input.path}.`
    default:
      return edit(path, input)
  }
}

async function edit(path: string, input: Readonly<Record<string, string>>): Promise<string> {
  const parts = (await readFile(path, 'utf8')).split(input.old_text ?? '')
  if (parts.length !== 2) return `Not changed: old_text occurs ${parts.length - 1} times in ${input.path}.`
  await writeFile(path, parts.join(input.new_text))
  return `Changed ${input.path} at line 1.`
}

/** Output and exit code as the agent's shell tool words them. */
export function shell(command: string, cwd: string, path = '/usr/local/bin:/usr/bin:/bin'): Promise<string> {
  const node = dirname(resolve(process.execPath))
  const env = { PATH: `${node}:${path}`, HOME: cwd }
  return new Promise((done) => {
    execFile(
      'sh',
      ['-c', `${command.replace(/^npm test\b/, `node -e '${NPM_TEST}'`)}`],
      { cwd, env },
      (error, out, err) => {
        done(`${out}${err}[exit code ${error?.code ?? 0}]`)
      },
    )
  })
}

/** What `npm test` does, without npm's second of start time and whatever node its shebang finds. */
const NPM_TEST =
  'const { scripts } = JSON.parse(require("fs").readFileSync("package.json", "utf8")); process.exitCode = require("child_process").spawnSync(scripts.test, { shell: true, stdio: "inherit" }).status ?? 1'

function tool(name: string, properties: Readonly<Record<string, string>>, required: string[]): Anthropic.Tool {
  const described = Object.entries(properties).map(([key, type]) => [key, { type }])
  return { name, input_schema: { type: 'object', properties: Object.fromEntries(described), required } }
}
