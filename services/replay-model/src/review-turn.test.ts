import { describe, expect, it } from 'vitest'
import { chooseTurn } from './choose-turn.ts'
import { parseTrajectories } from './load-trajectories.ts'
import { requestSchema } from './request.ts'
import type { TrajectoryInput } from './trajectory.ts'

const finding = { severity: 'critical', problem: 'it breaks' } as const
const request = (content: string, more: object = {}) =>
  requestSchema.parse({ model: 'claude-sonnet-5-5', max_tokens: 100, messages: [{ role: 'user', content }], ...more })
const ask = (trajectory: Partial<TrajectoryInput>, ...asked: Parameters<typeof request>) =>
  chooseTurn(
    parseTrajectories([{ name: 'one', match: 'replay: one', turns: [{ text: 'a turn' }], ...trajectory }]),
    request(...asked),
  )
const REVIEW = '# Review of a finished change\n\nreplay: one'

describe('a self-review of a trajectory’s work', () => {
  it('is approved unless the trajectory says otherwise', () => {
    expect(ask({}, REVIEW)).toMatchObject({ trajectory: 'one (review)', turn: { text: '{"findings":[]}' } })
    expect(ask({ review: { findings: [finding] } }, REVIEW)).toMatchObject({
      turn: { text: JSON.stringify({ findings: [finding] }) },
    })
    expect(ask({ review: { answer: 'Fine!' } }, REVIEW)).toMatchObject({ turn: { text: 'Fine!' } })
  })

  it('is told from a conversation that has tools, or begins otherwise', () => {
    const tools = [{ name: 'finish', input_schema: { type: 'object' } }]
    expect(ask({}, REVIEW, { tools })).toMatchObject({ trajectory: 'one', index: 0 })
    expect(ask({}, `Please: ${REVIEW}`)).toMatchObject({ trajectory: 'one' })
  })

  it('approves where no trajectory fits, as a review shows less than the work did', () => {
    expect(ask({}, '# Review of a finished change\n\nreplay: two')).toMatchObject({
      trajectory: 'none (review)',
      turn: { text: '{"findings":[]}' },
    })
  })
})
