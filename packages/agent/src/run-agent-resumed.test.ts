import { DevBotError } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import type { ModelMessage, ModelReply } from './model-client.ts'
import type { Workspace } from './ports.ts'
import type { RecordedEntry } from './recorded-run.ts'
import type { AgentInput } from './run-agent.ts'
import { CLAIM, conversationProblem, EMPTY_WORKSPACE, runScript } from './testing/loop-harness.ts'
import { type ScriptedReply, text, toolUse } from './testing/scripted-model.ts'

/** Writes, reads, runs and edits; ends with a claim that is rejected once. */
const REPLIES: readonly Partial<ModelReply>[] = [
  { content: [text('I look.'), toolUse('read', { path: 'a' }, 'r1'), toolUse('read', { path: 'b' }, 'r2')] },
  { content: [toolUse('write', { path: 'a', content: 'one' }, 'w1'), toolUse('shell', { command: 'touch b' }, 's1')] },
  { content: [text('Let me think.')] },
  {
    content: [
      toolUse('edit', { path: 'a', old_text: 'one', new_text: 'two' }, 'e1'),
      toolUse('shell', { command: 'touch c' }, 's2'),
      toolUse('write', { path: 'd', content: 'four' }, 'w2'),
    ],
  },
  { content: [toolUse('finish', CLAIM, 'f1')] },
  { content: [toolUse('write', { path: 'e', content: 'five' }, 'w3')] },
  { content: [toolUse('finish', CLAIM, 'f2')] },
]

class Crash extends Error {}

/** A world that outlives a crash: the ledger's entries, and the files of the newest checkpoint. */
function createWorld() {
  const world = {
    entries: [] as RecordedEntry[],
    checkpoint: { turn: 0, files: new Map<string, string>() },
    files: new Map<string, string>(),
    commands: [] as string[],
    requests: [] as ModelMessage[][],
  }
  return world
}
type World = ReturnType<typeof createWorld>

function workspaceOf(world: World, step: () => void): Workspace {
  return {
    ...EMPTY_WORKSPACE,
    exec: async (command, options) => {
      step()
      const file = /^touch (\w)$/.exec(command)?.[1]
      if (file !== undefined) {
        world.commands.push(command)
        world.files.set(file, 'touched')
      }
      step()
      return EMPTY_WORKSPACE.exec(command, options)
    },
    readFile: async (path) => {
      const content = world.files.get(path)
      if (content === undefined) return { kind: 'missing' }
      const bytes = Buffer.from(content)
      return { kind: 'file', bytes, totalBytes: bytes.length }
    },
    writeFile: async (path, bytes) => {
      step()
      world.files.set(path, Buffer.from(bytes).toString())
      step()
      return { kind: 'written' }
    },
  }
}

/** One attempt at the run; it crashes at the given step of everything that lasts, before it is carried out. */
async function attempt(world: World, crashAt: number) {
  let steps = 0
  const step = () => {
    steps += 1
    if (steps === crashAt) throw new DevBotError({ category: 'cancelled', code: 'worker-stopping', message: 'crash' })
  }
  const put = async (entry: RecordedEntry) => {
    step()
    world.entries.push(entry)
    step()
  }
  world.files = new Map(world.checkpoint.files)
  const recorded = { entries: [...world.entries], restoredTurn: world.checkpoint.turn }
  const replied = new Set(recorded.entries.filter(({ kind }) => kind === 'reply').map(({ turn }) => turn)).size
  const replies = REPLIES.slice(replied).map((reply): ScriptedReply => {
    return ({ messages }) => {
      step()
      world.requests.push(structuredClone([...messages]))
      step()
      return reply
    }
  })
  const overrides: Partial<Omit<AgentInput, 'limits'>> = {
    recorded,
    workspace: async () => workspaceOf(world, step),
    recorder: {
      recordReply: (turn, reply) => put({ kind: 'reply', turn, ...reply }),
      recordToolStart: (turn, toolUseId) => void world.entries.push({ kind: 'tool-start', turn, toolUseId }),
      recordToolResult: (turn, { tool: _tool, summary: _summary, ...result }) =>
        put({ kind: 'tool-result', turn, ...result }),
      recordNotes: (turn, notes) => put({ kind: 'notes', turn, notes }),
      recordCompaction: async () => undefined,
    },
    checkpoints: checkpointsOf(world, step),
  }
  let judged = world.entries.some((entry) => entry.kind === 'tool-result' && entry.toolUseId === 'f1')
  const run = await runScript(replies, {
    ...overrides,
    async judgeFinish() {
      if (judged) return { kind: 'accepted' }
      judged = true
      return { kind: 'rejected', message: 'The tests fail.' }
    },
  }).catch((error: unknown) => {
    if (error instanceof DevBotError && error.message === 'crash') throw new Crash('crash')
    throw error
  })
  return { ending: run.ending, steps }
}

/** Taken when the next request is under way, as in the worker: `durable` is what waits for it. */
function checkpointsOf(world: World, step: () => void): AgentInput['checkpoints'] {
  let due: { readonly turn: number; readonly files: Map<string, string> } | undefined
  return {
    after: (turn) => {
      due = { turn, files: new Map(world.files) }
    },
    durable: async () => {
      if (due === undefined) return
      step()
      world.checkpoint = due
      due = undefined
      step()
    },
  }
}

describe('runAgent with an attempt on record', () => {
  it('ends with the same files wherever it is cut off, and asks for no turn again that is on record', async () => {
    const undisturbed = createWorld()
    const { ending, steps } = await attempt(undisturbed, 0)
    expect(ending).toMatchObject({ kind: 'finished', claim: CLAIM })
    expect(steps).toBeGreaterThan(40)

    for (let crashAt = 1; crashAt <= steps; crashAt += 1) {
      const world = createWorld()
      await expect(attempt(world, crashAt)).rejects.toThrow(Crash)
      const asked = world.requests.length
      const onRecord = world.entries.filter(({ kind }) => kind === 'reply').length
      const resumed = await attempt(world, 0)
      expect(resumed.ending, `step ${crashAt}`).toMatchObject({ kind: 'finished', claim: CLAIM })
      // What a command did that was under way is lost with the sandbox, and the agent is told so; the rest is there.
      for (const [path, content] of undisturbed.files) {
        if (content !== 'touched') expect(world.files.get(path), `step ${crashAt}, ${path}`).toBe(content)
        else if (!world.files.has(path)) expect(toldOfInterruption(world), `step ${crashAt}`).toBe(true)
      }
      expect(world.requests.length - asked).toBe(REPLIES.length - onRecord)
      for (const request of world.requests) expect(conversationProblem(request)).toBeUndefined()
      // Again only for its effect, when the sandbox was lost before the files were kept.
      for (const command of ['touch b', 'touch c']) {
        expect(world.commands.filter((other) => other === command).length).toBeLessThanOrEqual(2)
      }
    }
  })

  it('goes on after two cuts in a row as after one', async () => {
    for (let crashAt = 3; crashAt < 40; crashAt += 5) {
      const world = createWorld()
      await expect(attempt(world, crashAt)).rejects.toThrow(Crash)
      await attempt(world, 7).catch((error: unknown) => expect(error).toBeInstanceOf(Crash))
      expect((await attempt(world, 0)).ending).toMatchObject({ kind: 'finished' })
      expect(world.files.get('a')).toBe('two')
      expect(world.files.get('e')).toBe('five')
    }
  })
})

function toldOfInterruption(world: World): boolean {
  return JSON.stringify(world.requests).includes('Interrupted: DevBot was restarted')
}
