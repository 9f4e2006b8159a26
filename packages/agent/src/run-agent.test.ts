import { DevBotError, type ExecOptions } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { createTools } from './create-tools.ts'
import type { ModelRequest } from './model-client.ts'
import type { Workspace } from './ports.ts'
import {
  CLAIM,
  conversationProblem,
  createPurse,
  EMPTY_WORKSPACE,
  runScript,
  WIDE_LIMITS,
} from './testing/loop-harness.ts'
import { text, toolUse } from './testing/scripted-model.ts'

const finish = () => ({ content: [toolUse('finish', CLAIM)] })
const shell = (command: string, id?: string) => toolUse('shell', { command }, id)
const resultTexts = (request: ModelRequest | undefined) =>
  (request?.messages.at(-1)?.content ?? []).map((block) =>
    block.type === 'tool_result' ? block.text : block.type === 'text' ? block.text : '',
  )

describe('runAgent', () => {
  it('ends as finished with the claim when finish is accepted', async () => {
    const run = await runScript([{ content: [text('I look.'), shell('ls')] }, finish()])
    expect(run.ending).toMatchObject({ kind: 'finished', claim: { ...CLAIM, key_changes: [], feedback: [] } })
    expect(run.totals).toMatchObject({ turns: 2, inputTokens: 200, outputTokens: 20 })
    expect(run.spentToday()).toBe(run.totals.costMicroUsd)
    expect(run.requests[0]?.messages).toEqual([{ role: 'user', content: [{ type: 'text', text: 'Do the plan.' }] }])
  })

  it('carries the answers to feedback in a revise run', async () => {
    const feedback = [{ item: '1-review-2-abcdef01', decision: 'done', reply: 'Renamed.' }]
    const run = await runScript([{ content: [toolUse('finish', { ...CLAIM, feedback })] }], {
      tools: createTools('revise'),
    })
    expect(run.ending).toMatchObject({ kind: 'finished', claim: { feedback } })
  })

  it('records a reply before any of its tools runs, and each result before the next call of the order', async () => {
    const order: string[] = []
    const workspace: Workspace = {
      ...EMPTY_WORKSPACE,
      async exec(command, options) {
        order.push(`run ${command}`)
        return EMPTY_WORKSPACE.exec(command, options)
      },
    }
    await runScript([{ content: [shell('a', 'A'), shell('b', 'B')] }, finish()], {
      workspace: async () => workspace,
      recorder: {
        recordReply: async (turn) => void order.push(`reply ${turn}`),
        recordToolResult: async (_turn, result) => void order.push(`result ${result.toolUseId}`),
        recordToolStart: () => undefined,
        recordNotes: async () => undefined,
        recordCompaction: async () => undefined,
      },
    })
    expect(order.slice(0, 6)).toEqual(['reply 1', 'run a', 'result A', 'run b', 'result B', 'reply 2'])
  })

  it('sends the first request without waiting for the workspace', async () => {
    const ready = Promise.withResolvers<Workspace>()
    const run = runScript(
      [
        () => {
          setTimeout(() => ready.resolve(EMPTY_WORKSPACE), 20)
          return { content: [shell('ls')] }
        },
        finish(),
      ],
      { workspace: () => ready.promise },
    )
    expect((await run).ending.kind).toBe('finished')
  })

  it('never asks for the workspace when no tool runs', async () => {
    const run = await runScript([finish()], { workspace: () => Promise.reject(new Error('not ready')) })
    expect(run.ending.kind).toBe('finished')
  })

  it('runs calls that only read together and calls that write one after the other', async () => {
    let running = 0
    const most = { read: 0, shell: 0 }
    const busy = async (kind: 'read' | 'shell') => {
      running += 1
      most[kind] = Math.max(most[kind], running)
      await new Promise((resolve) => setTimeout(resolve, 10))
      running -= 1
    }
    const workspace: Workspace = {
      ...EMPTY_WORKSPACE,
      async readFile() {
        await busy('read')
        return { kind: 'missing' }
      },
      async exec(command, options) {
        await busy('shell')
        return EMPTY_WORKSPACE.exec(command, options)
      },
    }
    const read = (path: string) => toolUse('read', { path })
    await runScript([{ content: [read('a'), read('b'), read('c'), shell('x'), shell('y')] }, finish()], {
      workspace: async () => workspace,
    })
    expect(most).toEqual({ read: 3, shell: 1 })
  })

  it('runs the other tools of a reply before it judges finish', async () => {
    const order: string[] = []
    const run = await runScript([{ content: [toolUse('finish', CLAIM, 'F'), shell('npm test', 'S')] }], {
      judgeFinish: async () => {
        order.push('judged')
        return { kind: 'accepted' }
      },
      workspace: async () => ({
        ...EMPTY_WORKSPACE,
        exec: async (command, options) => {
          order.push(command)
          return EMPTY_WORKSPACE.exec(command, options)
        },
      }),
    })
    expect(order).toEqual(['npm test', 'judged'])
    expect(run.ending.kind).toBe('finished')
  })

  it('gives the reason back and goes on when finish is rejected', async () => {
    const run = await runScript([finish(), finish()], { verdicts: [{ kind: 'rejected', message: '2 tests fail' }] })
    expect(resultTexts(run.requests[1])).toEqual(['2 tests fail'])
    expect(run.ending.kind).toBe('finished')
    expect(run.claims).toHaveLength(2)
  })

  it('judges only one finish of a reply', async () => {
    const run = await runScript([{ content: [...finish().content, ...finish().content] }, finish()], {
      verdicts: [{ kind: 'rejected', message: 'tests fail' }],
    })
    expect(resultTexts(run.requests[1])[1]).toMatch(/^Not looked at/)
    expect(conversationProblem(run.requests[1]?.messages ?? [])).toBeUndefined()
  })

  it('nudges once after a reply without a call, and gives up after the second in a row', async () => {
    const silent = { content: [text('Hm.')] }
    const run = await runScript([silent, { content: [shell('ls')] }, silent, silent])
    expect(resultTexts(run.requests[1])[0]).toMatch(/no tool call/)
    expect(run.ending).toMatchObject({
      kind: 'gave-up',
      reason: expect.stringMatching(/2 times in a row without a tool call/),
    })
    expect(run.requests).toHaveLength(4)
  })

  it('keeps the conversation valid when a reply is empty', async () => {
    const run = await runScript([{ content: [] }, { content: [text('  ')] }])
    expect(run.ending.kind).toBe('gave-up')
    expect(conversationProblem(run.requests[1]?.messages ?? [])).toBeUndefined()
  })

  it('puts notes that arrived meanwhile into the next user message', async () => {
    const waiting = [[], [{ about: 'plan', text: 'The plan changed.' }], []]
    const run = await runScript([{ content: [shell('ls')] }, finish()], {
      drainNotes: async () => waiting.shift() ?? [],
    })
    expect(resultTexts(run.requests[1])).toEqual(['[exit code 0]', 'The plan changed.'])
  })

  it('answers an unknown tool and a wrong input with what was expected', async () => {
    const run = await runScript([
      { content: [toolUse('bash', {}), toolUse('read', { file: 'a' }), toolUse('shell', 'ls')] },
      finish(),
    ])
    const [unknown, wrongKey, wrongType] = resultTexts(run.requests[1])
    expect(unknown).toMatch(/no such tool\. The tools are shell, read, write, edit, list, search, job, finish/)
    expect(wrongKey).toMatch(/path: .*expected string/)
    expect(wrongType).toMatch(/expected object/)
  })

  it('runs no call of a reply that was cut at the output limit', async () => {
    const ran: string[] = []
    const run = await runScript([{ content: [shell('one'), shell('two')], stopReason: 'max_tokens' }, finish()], {
      workspace: async () => ({
        ...EMPTY_WORKSPACE,
        exec: async (command, options) => {
          ran.push(command)
          return EMPTY_WORKSPACE.exec(command, options)
        },
      }),
    })
    expect(ran).toEqual([])
    expect(resultTexts(run.requests[1])).toEqual([expect.stringMatching(/cut off/), expect.stringMatching(/cut off/)])
  })

  it('does not run a call whose input could not be read', async () => {
    const broken = { type: 'tool_use', id: 'T', name: 'shell', input: {}, inputUnreadable: true } as const
    const run = await runScript([{ content: [broken] }, finish()])
    expect(resultTexts(run.requests[1])[0]).toMatch(/not valid JSON/)
  })

  it.each([
    ['refusal', { kind: 'gave-up' }],
    ['model_context_window_exceeded', { kind: 'limit-reached', limit: 'context' }],
  ])('ends at the stop reason %s without running a tool', async (stopReason, ending) => {
    const run = await runScript([{ content: [shell('rm -r src', 'S')], stopReason }])
    expect(run.ending).toMatchObject(ending)
    expect(run.events.filter((event) => event.kind === 'tool-call')).toEqual([])
    expect(run.steps.at(-1)).toMatchObject({ kind: 'result', toolUseId: 'S', body: { isError: true } })
  })

  it('goes on after a pause', async () => {
    const run = await runScript([
      { stopReason: 'pause_turn', content: [text('…')] },
      { stopReason: 'pause_turn', content: [text('…')] },
      finish(),
    ])
    expect(run.ending.kind).toBe('finished')
  })

  it('makes ids unique when a gateway repeats them or leaves them out', async () => {
    const run = await runScript([
      { content: [shell('a', 'x'), shell('b', 'x'), shell('c', '')] },
      { content: [shell('d', 'x')] },
      finish(),
    ])
    expect(conversationProblem(run.requests[2]?.messages ?? [])).toBeUndefined()
  })

  it('only ever appends to the conversation', async () => {
    const run = await runScript([
      { content: [shell('a')] },
      { content: [text('b')] },
      { content: [shell('c')] },
      finish(),
    ])
    run.requests.slice(1).forEach((request, index) => {
      const before = run.requests[index]?.messages ?? []
      expect(request.messages.slice(0, before.length)).toEqual(before)
      expect(request.system).toBe(run.requests[0]?.system)
      expect(request.tools).toEqual(run.requests[0]?.tools)
      expect(conversationProblem(request.messages)).toBeUndefined()
    })
  })

  it('hands a thinking block back as it came', async () => {
    const thinking = { type: 'thinking', thinking: 'First, I…', signature: 'sig==' } as const
    const redacted = { type: 'redacted_thinking', data: 'opaque' } as const
    const run = await runScript([{ content: [thinking, redacted, shell('ls', 'L')] }, finish()])
    expect(run.requests[1]?.messages[1]?.content.slice(0, 2)).toEqual([thinking, redacted])
  })

  it('tells its progress in order', async () => {
    const run = await runScript([{ content: [shell('echo\n hi')] }, finish()])
    expect(run.events.map((event) => event.kind)).toEqual([
      'turn-start',
      'tool-call',
      'tool-result',
      'turn-end',
      'turn-start',
      'tool-call',
      'tool-result',
      'turn-end',
    ])
    expect(run.events[1]).toMatchObject({ tool: 'shell', detail: 'echo hi', turn: 1 })
    expect(run.events[3]).toMatchObject({ turn: 1, stopReason: 'tool_use' })
  })
})

describe('runAgent when tools fail', () => {
  const failing = (error: unknown): Workspace => ({ ...EMPTY_WORKSPACE, exec: () => Promise.reject(error) })

  it('gives an error result without inner details when a tool throws', async () => {
    const run = await runScript([{ content: [shell('ls')] }, finish()], {
      workspace: async () => failing(new TypeError('/host/path')),
    })
    expect(run.ending.kind).toBe('finished')
    expect(resultTexts(run.requests[1])[0]).not.toMatch(/host/)
    expect(run.events).toContainEqual(expect.objectContaining({ kind: 'tool-failed', tool: 'shell' }))
  })

  it('throws when the sandbox is gone, for the worker to make a new one', async () => {
    const gone = new DevBotError({ category: 'sandbox', code: 'channel-lost', message: 'gone' })
    await expect(runScript([{ content: [shell('ls')] }], { workspace: async () => failing(gone) })).rejects.toBe(gone)
  })

  it('throws when the workspace cannot be made', async () => {
    const gone = new DevBotError({ category: 'sandbox', code: 'engine-failed', message: 'gone' })
    await expect(runScript([{ content: [shell('ls')] }], { workspace: () => Promise.reject(gone) })).rejects.toBe(gone)
  })

  it('throws when a turn cannot be recorded, before a tool runs', async () => {
    const ran: string[] = []
    const lost = new DevBotError({
      category: 'conflict',
      code: 'ownership-lost',
      message: 'another worker owns the task',
    })
    const recorder = {
      recordReply: () => Promise.reject(lost),
      recordToolResult: async () => undefined,
      recordToolStart: () => undefined,
      recordNotes: async () => undefined,
      recordCompaction: async () => undefined,
    }
    const workspace = async () => ({
      ...EMPTY_WORKSPACE,
      exec: (command: string, options: ExecOptions) => {
        ran.push(command)
        return EMPTY_WORKSPACE.exec(command, options)
      },
    })
    await expect(runScript([{ content: [shell('ls')] }], { recorder, workspace })).rejects.toBe(lost)
    expect(ran).toEqual([])
  })
})

describe('runAgent at its limits', () => {
  const goOn = (turn: number) => ({ content: [shell(`step ${turn}`)] })
  const endless = Array.from({ length: 60 }, (_, turn) => goOn(turn))

  it('stops after the turns it may use', async () => {
    const run = await runScript(endless, { limits: { ...WIDE_LIMITS, maxTurns: 7 } })
    expect(run.ending).toMatchObject({ kind: 'limit-reached', limit: 'turns', detail: '7 of 7 turns used' })
    expect(run.requests).toHaveLength(7)
  })

  it('counts the turns of attempts that were cut off', async () => {
    const run = await runScript(endless, { limits: { ...WIDE_LIMITS, maxTurns: 7, turnsBefore: 5 } })
    expect(run.ending).toMatchObject({ limit: 'turns', detail: '7 of 7 turns used' })
    expect(run.requests).toHaveLength(2)
  })

  // Each costs 4,000 * 2 + 500 * 10 = 13,000 micro-dollars; the least call (2,000 tokens of reply) 20,000 and its prompt.
  const dear = endless.map((reply) => ({
    ...reply,
    usage: { inputTokens: 4_000, outputTokens: 500, requestBytes: 20_000, maxOutputTokens: 32_000 },
  }))

  it('stops before the call that could cost the task more than it may, earlier runs counted', async () => {
    const limits = { ...WIDE_LIMITS, maxCostMicroUsd: 110_000, spentMicroUsd: 31_000 }
    const run = await runScript(dear, { limits })
    expect(run.ending).toMatchObject({
      kind: 'limit-reached',
      limit: 'cost',
      detail: expect.stringMatching(/^\$0\.0\d\d0 of \$0\.1100 spent on the task, and the next call may cost more/),
    })
    expect(run.requests.length).toBeGreaterThan(1)
  })

  it('stops before the call that could cost the day more than it may', async () => {
    const run = await runScript(dear, { limits: { ...WIDE_LIMITS, maxCostPerDayMicroUsd: 80_000 } })
    expect(run.ending).toMatchObject({ kind: 'limit-reached', limit: 'cost-per-day' })
    expect(run.requests.length).toBeGreaterThan(1)
    expect(run.spentToday()).toBeLessThanOrEqual(80_000)
    expect(run.purse.reserved()).toBe(0)
  })

  it('asks for a shorter reply where not all of a full one could be paid for', async () => {
    const run = await runScript([goOn(1), finish()], { limits: { ...WIDE_LIMITS, maxCostPerDayMicroUsd: 100_000 } })
    const [first, second] = run.requests.map((request) => request.maxOutputTokens ?? 0)
    expect(first).toBeGreaterThan(2_000)
    expect(first).toBeLessThan(10_000)
    expect(second).toBeLessThan(first ?? 0)
    expect(run.ending.kind).toBe('finished')
  })

  it('stops before the call that could take more tokens than the task may, earlier runs counted', async () => {
    const run = await runScript(dear, { limits: { ...WIDE_LIMITS, maxTokens: 110_000, usedTokens: 90_000 } })
    expect(run.ending).toMatchObject({ limit: 'tokens', detail: expect.stringMatching(/ of 110000 tokens used/) })
    expect(run.requests.length).toBeGreaterThan(1)
    expect(run.totals.inputTokens + run.totals.outputTokens).toBeLessThanOrEqual(20_000)
  })

  it('stops before the first call when plan and tools alone fill the window', async () => {
    const run = await runScript(endless, {
      firstMessage: 'plan '.repeat(40_000),
      limits: { ...WIDE_LIMITS, windowTokens: 50_000 },
    })
    expect(run.ending).toMatchObject({ limit: 'context', detail: expect.stringMatching(/context window has 50000$/) })
    expect(run.requests).toHaveLength(0)
  })

  it('makes no call at all when a limit is no number', async () => {
    const run = await runScript(endless, { limits: { ...WIDE_LIMITS, maxCostMicroUsd: Number.NaN } })
    expect(run.requests).toHaveLength(0)
    expect(run.ending.kind).toBe('limit-reached')
  })

  it('stops a command at the deadline and says that time is up', async () => {
    const run = await runScript([goOn(1)], {
      limits: { ...WIDE_LIMITS, deadlineMs: Date.now() + 50 },
      workspace: async () => ({
        ...EMPTY_WORKSPACE,
        exec: (_command, { signal }) =>
          new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(new Error('stopped')))),
      }),
    })
    expect(run.ending).toMatchObject({ kind: 'limit-reached', limit: 'minutes' })
    expect(run.steps.at(-1)).toMatchObject({
      kind: 'result',
      body: { isError: true, text: 'Interrupted: the run was stopped.' },
    })
  })

  it('stops a model call at the deadline', async () => {
    const hanging = (request: ModelRequest) =>
      new Promise<never>((_resolve, reject) =>
        request.signal.addEventListener('abort', () => reject(new Error('cancelled'))),
      )
    const run = await runScript([hanging], { limits: { ...WIDE_LIMITS, deadlineMs: Date.now() + 30 } })
    expect(run.ending).toMatchObject({ kind: 'limit-reached', limit: 'minutes' })
  })

  const broken = {
    code: 'model-stream-broken',
    usage: { inputTokens: 1000, outputTokens: 1, requestBytes: 1, maxOutputTokens: 1 },
  }

  it('counts what an attempt used before it broke off', async () => {
    const retried = async (request: ModelRequest) => {
      await request.onFailedAttempt?.({ ...broken, retryInMs: 5 })
      return finish()
    }
    const run = await runScript([retried])
    expect(run.totals.costMicroUsd).toBe(2000 + 10 + 300)
    expect(run.spentToday()).toBe(2310)
    expect(run.events).toContainEqual({ kind: 'model-retry', turn: 1, code: 'model-stream-broken', delayMs: 5 })
  })

  it('sets money aside for each attempt, and makes none that could pass a ceiling', async () => {
    let attempts = 0
    const endlessly = async (request: ModelRequest) => {
      for (;;) {
        attempts += 1
        await request.onFailedAttempt?.({ ...broken, retryInMs: 1 })
      }
    }
    const run = await runScript([endlessly], { limits: { ...WIDE_LIMITS, maxCostPerDayMicroUsd: 1_000_000 } })
    expect(run.ending).toMatchObject({ limit: 'cost-per-day' })
    expect(attempts).toBeGreaterThan(100)
    expect(run.spentToday()).toBe(attempts * 2010)
    expect(run.spentToday()).toBeLessThanOrEqual(1_000_000)
    expect(run.purse.reserved()).toBe(0)
  })

  it('counts a call that failed for good, frees what was set aside for it, and throws its error', async () => {
    const failed = new DevBotError({ category: 'transient', code: 'model-stream-broken', message: 'broken' })
    const failing = async (request: ModelRequest) => {
      await request.onFailedAttempt?.(broken)
      throw failed
    }
    const purse = createPurse(50_000_000)
    await expect(runScript([failing], { spending: purse.spending })).rejects.toBe(failed)
    expect([purse.spent(), purse.reserved()]).toEqual([2010, 0])
  })

  it('frees what was set aside for a call that was refused unpaid', async () => {
    const refused = new DevBotError({ category: 'permission', code: 'model-key-refused', message: 'no' })
    const purse = createPurse(50_000_000)
    await expect(runScript([() => Promise.reject(refused)], { spending: purse.spending })).rejects.toBe(refused)
    expect([purse.spent(), purse.reserved()]).toEqual([0, 0])
  })
})

describe('runAgent when it is aborted', () => {
  it('makes no request when it was aborted before', async () => {
    const run = await runScript([finish()], { signal: AbortSignal.abort() })
    expect(run.ending).toEqual({ kind: 'aborted' })
    expect(run.requests).toHaveLength(0)
  })

  it('ends as aborted when the model call is cut short', async () => {
    const stop = new AbortController()
    const cut = () => {
      stop.abort()
      throw new DevBotError({ category: 'cancelled', code: 'model-call-cancelled', message: 'cancelled' })
    }
    const run = await runScript([cut], { signal: stop.signal })
    expect(run.ending).toEqual({ kind: 'aborted' })
  })

  it('puts no call on record that was stopped or not begun, so that it can still be answered when the run goes on', async () => {
    const stop = new AbortController()
    const run = await runScript([{ content: [shell('a', 'A'), shell('b', 'B'), toolUse('finish', CLAIM, 'C')] }], {
      signal: stop.signal,
      workspace: async () => ({
        ...EMPTY_WORKSPACE,
        exec: async () => {
          stop.abort()
          return { timedOut: false, aborted: true, durationMs: 1, output: new Uint8Array(), totalOutputBytes: 0 }
        },
      }),
    })
    expect(run.ending).toEqual({ kind: 'aborted' })
    const results = run.steps.filter((step) => step.kind === 'result')
    expect(results.map((step) => step.toolUseId)).toEqual([])
    expect(run.claims).toEqual([])
  })

  it('does not wait for a workspace that never gets ready', async () => {
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 20)
    const run = await runScript([{ content: [shell('a')] }], {
      signal: stop.signal,
      workspace: () => new Promise(() => undefined),
    })
    expect(run.ending).toEqual({ kind: 'aborted' })
  })
})

describe('runAgent when the agent goes in circles', () => {
  it('gives up after the same call with the same result three times in a row', async () => {
    const run = await runScript(Array.from({ length: 5 }, () => ({ content: [shell('npm test')] })))
    expect(run.ending).toMatchObject({
      kind: 'gave-up',
      reason: expect.stringMatching(/same shell call gave the same result 3 times/),
    })
    expect(run.requests).toHaveLength(3)
  })

  it('goes on when the same call has another result each time', async () => {
    let times = 0
    const workspace = async () => ({
      ...EMPTY_WORKSPACE,
      exec: async () => {
        times += 1
        const output = new TextEncoder().encode(`${times} passed`)
        return {
          exitCode: 0,
          timedOut: false,
          aborted: false,
          durationMs: 1,
          output,
          totalOutputBytes: output.byteLength,
        }
      },
    })
    const run = await runScript([...Array.from({ length: 5 }, () => ({ content: [shell('npm test')] })), finish()], {
      workspace,
    })
    expect(run.ending.kind).toBe('finished')
  })

  it('gives up after two calls took turns three times', async () => {
    const run = await runScript(
      Array.from({ length: 10 }, (_, turn) => ({ content: [shell(turn % 2 === 0 ? 'a' : 'b')] })),
    )
    expect(run.ending).toMatchObject({ kind: 'gave-up', reason: expect.stringMatching(/took turns 3 times/) })
    expect(run.requests).toHaveLength(6)
  })

  it('gives up after the same error five times in a row, whatever the inputs', async () => {
    const run = await runScript(Array.from({ length: 10 }, (_, turn) => ({ content: [toolUse('nothing', { turn })] })))
    expect(run.ending).toMatchObject({ kind: 'gave-up', reason: expect.stringMatching(/same error 5 times/) })
  })
})
