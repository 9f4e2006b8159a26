import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parsePlan } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { loadTrajectories } from './load-trajectories.ts'

const demo = fileURLToPath(new URL('../../../demo', import.meta.url))
const plans = readdirSync(`${demo}/plans`).filter((name) => name.endsWith('.md'))

describe('the plans of the demo', () => {
  it.each(plans)('%s is a valid plan without remarks', (name) => {
    const parsed = parsePlan(readFileSync(`${demo}/plans/${name}`), name)
    expect(parsed).toMatchObject({ ok: true, plan: { notes: [] } })
  })

  it.each(plans)('%s has exactly one trajectory for its first run', (name) => {
    const text = readFileSync(`${demo}/plans/${name}`, 'utf8')
    const fitting = loadTrajectories(`${demo}/trajectories`).filter(
      ({ match, run }) => run === 'implement' && match.every((entry) => text.includes(entry)),
    )
    expect(fitting).toHaveLength(1)
  })

  it('have one in the style of the seed: a draft, high, complex, with code blocks', () => {
    const name = '261120__PLAN__duration-ranges.md'
    const parsed = parsePlan(readFileSync(`${demo}/plans/${name}`), name)
    expect(parsed).toMatchObject({ plan: { status: 'draft', priority: 'high', estimated_complexity: 'complex' } })
  })
})
