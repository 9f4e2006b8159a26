import { describe, expect, it } from 'vitest'
import type { AskAside } from './ask-aside.ts'
import { CLAIM, runScript, WIDE_LIMITS } from './testing/loop-harness.ts'
import { text, toolUse } from './testing/scripted-model.ts'

const QUESTION = { system: 'You review.', message: 'What is wrong?', maxOutputTokens: 4_000 }

/** A run whose claim is judged with one question aside. */
async function runWithQuestion(limits = WIDE_LIMITS) {
  const answers: Awaited<ReturnType<AskAside>>[] = []
  const run = await runScript(
    [{ content: [toolUse('finish', CLAIM)] }, { content: [text('Nothing'), text('at all.')] }],
    {
      limits,
      judgeFinish: async (_claim, ask) => {
        answers.push(await ask(QUESTION))
        return { kind: 'accepted' }
      },
    },
  )
  return { ...run, answer: answers[0] }
}

describe('asking aside', () => {
  it('asks in a context of its own, with the ceiling it was given, and is no turn', async () => {
    const run = await runWithQuestion()
    expect(run.answer).toEqual({
      kind: 'answered',
      text: 'Nothing\nat all.',
      tokens: { input: 100, output: 10, cacheRead: 0, cacheWrite: 0 },
    })
    expect(run.requests[1]).toMatchObject({
      system: 'You review.',
      tools: [],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'What is wrong?' }] }],
      maxOutputTokens: 4_000,
    })
    expect(run.ending.kind).toBe('finished')
    expect(run.totals.turns).toBe(1)
  })

  it("counts to the run's and the day's money", async () => {
    const run = await runWithQuestion()
    expect(run.totals.costMicroUsd).toBe(600)
    expect([run.spentToday(), run.purse.reserved()]).toEqual([600, 0])
  })

  it('answers with the limit where there is no room left for it', async () => {
    const run = await runWithQuestion({ ...WIDE_LIMITS, maxTurns: 1 })
    expect(run.answer).toMatchObject({ kind: 'limit-reached', limit: 'turns' })
    expect(run.requests).toHaveLength(1)
    expect(run.ending.kind).toBe('finished')
  })
})
