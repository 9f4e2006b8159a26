import { repositoryNameSchema } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { judgePlan } from './plan-rules.ts'

const name = (text: string) => repositoryNameSchema.parse(text)
const rules = {
  repositories: { default: name('octo-org/hello'), allowed: [name('octo-org/Other')] },
  branchPrefix: 'agent/',
}
const lines = { repo: 2, branch: 3 }

describe('judgePlan', () => {
  it.each([
    [undefined, 'octo-org/hello'],
    ['octo-org/hello', 'octo-org/hello'],
    ['Octo-Org/HELLO', 'octo-org/hello'],
    ['octo-org/other', 'octo-org/Other'],
  ])('takes a plan for %s to %s, in the spelling of the operator', (repo, expected) => {
    const plan = repo === undefined ? {} : { repo: name(repo) }
    expect(judgePlan(plan, lines, rules)).toEqual({ ok: true, repository: expected })
  })

  it('rejects another repository, naming the allowed ones and the line', () => {
    const judged = judgePlan({ repo: name('evil/repo') }, lines, rules)
    expect(judged).toMatchObject({ ok: false, problems: [{ field: 'repo', line: 2, paste: 'repo: octo-org/hello' }] })
    expect(JSON.stringify(judged)).toContain('octo-org/Other')
  })

  it.each(['main', 'agents/x', 'agent/'])('rejects the branch %s, which is not below the prefix', (branch) => {
    expect(judgePlan({ branch }, lines, rules)).toMatchObject({ ok: false, problems: [{ field: 'branch', line: 3 }] })
  })

  it('rejects a branch that is the base', () => {
    expect(judgePlan({ branch: 'agent/x', base: 'agent/x' }, lines, rules).ok).toBe(false)
  })

  it('accepts a branch below the prefix', () => {
    expect(judgePlan({ branch: 'agent/team/x' }, lines, rules).ok).toBe(true)
  })

  it('tells all problems at once', () => {
    expect(judgePlan({ repo: name('evil/repo'), branch: 'main' }, lines, rules)).toMatchObject({ problems: [{}, {}] })
  })
})
