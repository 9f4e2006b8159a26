import Anthropic from '@anthropic-ai/sdk'
import { type FloorPlace, openExecutor } from './floor-executors.ts'
import { FLOOR_TOOLS, runFloorTool } from './floor-tools.ts'

/*
 * An agent of a few lines: the vendor's SDK, its streaming helper, its automatic caching. A process of its own, as
 * DevBot's worker is one; its parent sends a FloorRun for each run and hears when it is over.
 */
export type FloorRun = {
  readonly baseUrl: string
  readonly apiKey: string
  readonly firstMessage: string
  readonly place: FloorPlace
}
export type FloorEnd = { readonly error?: string }

const MODEL = 'claude-sonnet-5-5'
const MAX_TOKENS = 32_000
const SYSTEM =
  'You are a software engineer. Change the repository in your working directory so that it does what the task asks for. Look before you write, test what you change, and call finish when all of it is done.'

async function runFloor({ baseUrl, apiKey, firstMessage, place }: FloorRun): Promise<void> {
  const client = new Anthropic({ apiKey, baseURL: baseUrl, maxRetries: 0 })
  const { execute, close } = await openExecutor(place)
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: firstMessage }]
  try {
    for (;;) {
      const reply = await client.messages
        .stream({
          model: MODEL,
          max_tokens: MAX_TOKENS,
          system: SYSTEM,
          tools: FLOOR_TOOLS,
          cache_control: { type: 'ephemeral' },
          messages,
        })
        .finalMessage()
      const calls = reply.content.filter((block) => block.type === 'tool_use')
      if (calls.length === 0 || calls.some(({ name }) => name === 'finish')) return
      const results: Anthropic.ToolResultBlockParam[] = []
      for (const { id, name, input } of calls) {
        results.push({ type: 'tool_result', tool_use_id: id, content: await runFloorTool(name, input, execute) })
      }
      messages.push({ role: 'assistant', content: reply.content }, { role: 'user', content: results })
    }
  } finally {
    close()
  }
}

process.on('message', (run: FloorRun) => {
  const tell = (end: FloorEnd) => process.send?.(end)
  runFloor(run).then(
    () => tell({}),
    (error: unknown) => tell({ error: String(error) }),
  )
})
