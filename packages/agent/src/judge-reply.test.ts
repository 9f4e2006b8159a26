import { describe, expect, it } from 'vitest'
import { judgeReply } from './judge-reply.ts'
import { CLAIM, EMPTY_WORKSPACE, runScript } from './testing/loop-harness.ts'
import { text, toolUse } from './testing/scripted-model.ts'

/** A reply with one call and this stop reason, then finish; tells whether the call was run, and what came of it. */
async function withStopReason(stopReason: string) {
  const ran: string[] = []
  const run = await runScript(
    [{ content: [toolUse('shell', { command: 'rm -r src' })], stopReason }, { content: [toolUse('finish', CLAIM)] }],
    {
      workspace: async () => ({
        ...EMPTY_WORKSPACE,
        exec: async (command: string, options: Parameters<typeof EMPTY_WORKSPACE.exec>[1]) => {
          ran.push(command)
          return EMPTY_WORKSPACE.exec(command, options)
        },
      }),
    },
  )
  const answer = run.requests[1]?.messages.at(-1)?.content[0]
  const told = answer !== undefined && 'text' in answer ? answer.text : undefined
  return { ran: ran.filter((command) => command === 'rm -r src').length, told, ending: run.ending }
}

describe('stop reasons', () => {
  it.each(['end_turn', 'tool_use', 'stop_sequence', 'pause_turn', 'stop', 'tool_calls'])(
    'runs the calls of a reply that ended with %s',
    async (reason) => {
      expect(await withStopReason(reason)).toMatchObject({ ran: 1, ending: { kind: 'finished' } })
    },
  )

  it.each(['max_tokens', 'length', 'a_reason_of_next_year', ''])(
    'runs no call of a reply that ended with "%s", and says so to the model',
    async (reason) => {
      expect(await withStopReason(reason)).toMatchObject({
        ran: 0,
        told: expect.stringMatching(/^Not run: /),
        ending: { kind: 'finished' },
      })
    },
  )

  it('ends with a refusal, and runs nothing', async () => {
    expect(await withStopReason('refusal')).toMatchObject({
      ran: 0,
      ending: { kind: 'gave-up', reason: expect.stringMatching(/refused/) },
    })
  })

  it('takes every reason that is not known for a cut reply', () => {
    expect(judgeReply('toString')).toMatchObject({ kind: 'cut', why: 'unknown' })
  })
})

describe('replies that lead nowhere', () => {
  const said = (stopReason: string) => ({ content: [text('Hm.')], stopReason })
  const works = { content: [toolUse('shell', { command: 'ls' })] }

  it.each([
    ['words', said('end_turn'), 2, /replied 2 times .* words only/],
    ['pauses', said('pause_turn'), 5, /paused 5 times/],
    ['replies that were cut off', said('max_tokens'), 3, /no whole call 3 times .*"max_tokens"/],
    ['replies of an unknown kind', said('new_reason'), 3, /no whole call 3 times .*"new_reason"/],
    ['calls that were cut off', { ...works, stopReason: 'max_tokens' }, 3, /no whole call 3 times/],
  ])('gives up after only %s', async (_what, reply, times, reason) => {
    const run = await runScript(Array.from({ length: 9 }, () => reply))
    expect(run.ending).toMatchObject({ kind: 'gave-up', reason: expect.stringMatching(reason) })
    expect(run.requests).toHaveLength(times)
  })

  it('still gives its nudge to a talk that follows pauses', async () => {
    const run = await runScript([
      said('pause_turn'),
      said('pause_turn'),
      said('end_turn'),
      { content: [toolUse('finish', CLAIM)] },
    ])
    expect(run.ending.kind).toBe('finished')
  })

  it('counts anew after a reply whose call was carried out', async () => {
    const replies = [said('end_turn'), works, said('end_turn'), works, { content: [toolUse('finish', CLAIM)] }]
    expect((await runScript(replies)).ending.kind).toBe('finished')
  })
})
