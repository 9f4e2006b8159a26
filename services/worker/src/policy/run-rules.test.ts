import { describe, expect, it } from 'vitest'
import { baseOf, planOf, RULE_SETTINGS } from '../testing/base-files.ts'
import { readPolicy } from './read-policy.ts'
import { type RuleSettings, rulesForRun } from './run-rules.ts'

/** The rules for a plan's front matter and a policy's text. */
function rulesOf(plan: string, policy: string | undefined, settings: Partial<RuleSettings> = {}) {
  const base = baseOf({ 'go.mod': '', ...(policy === undefined ? {} : { '.devbot.yml': policy }) })
  return rulesForRun({ ...RULE_SETTINGS, ...settings }, planOf(plan), readPolicy(base, 'main'), base, 'main')
}

describe('rulesForRun: who wins', () => {
  it('takes test, setup, workdir and model from the plan, else from the policy, else finds or defaults them', () => {
    const policy = 'test: make check\nsetup: make deps\nworkdir: api\nmodel: opus\n'
    expect(rulesOf('test: go vet\nsetup: true\nworkdir: web\nmodel: haiku', policy)).toMatchObject({
      test: { command: 'go vet', why: 'the plan says so' },
      plan: { setup: 'true', workdir: 'web' },
      model: 'haiku',
    })
    expect(rulesOf('title: x', policy)).toMatchObject({
      test: { command: 'make check', why: '.devbot.yml says so' },
      plan: { setup: 'make deps', workdir: 'api' },
      model: 'opus',
    })
    const found = rulesOf('title: x', undefined)
    expect(found).toMatchObject({ test: { command: 'go test ./...' }, model: 'sonnet' })
    expect(found.plan.setup).toBeUndefined()
  })

  it('takes the lowest of the limits', () => {
    const policy = 'limits: { max_turns: 40, budget_usd: 3, max_minutes: 20, max_rounds: 2, max_tokens: 5000 }'
    expect(rulesOf('max_turns: 60\nbudget_usd: 1', policy)).toMatchObject({
      plan: { max_turns: 40, budget_usd: 1, max_minutes: 20 },
      maxRounds: 2,
      maxTokens: 5000,
    })
    expect(rulesOf('title: x', 'limits: { max_rounds: 500 }').maxRounds).toBe(10)
  })

  it('puts labels and reviewers of both together, and lets the policy ask for drafts', () => {
    const policy = 'pull_request: { draft: true, labels: [devbot, api], reviewers: [ada] }'
    expect(rulesOf('labels: [api, urgent]', policy).pullRequest).toEqual({
      draft: true,
      labels: ['api', 'urgent', 'devbot'],
      reviewers: ['ada'],
    })
  })

  it('adds the policy’s protected paths to the operator’s, whatever the plan lists', () => {
    const { protectedPaths, scopes } = rulesOf(
      'paths: [".github/workflows/**"]',
      'paths: { protected: [db/**], allowed: [src/**] }',
    )
    expect(protectedPaths).toEqual([
      { globs: ['.github/workflows/**', '.devbot.yml'], saidBy: 'PROTECTED_PATHS' },
      { globs: ['db/**'], saidBy: '.devbot.yml' },
    ])
    expect(scopes).toEqual([
      { saidBy: 'the plan', globs: ['.github/workflows/**'] },
      { saidBy: '.devbot.yml', globs: ['src/**'] },
    ])
  })

  it('hands image and services on, and hosts only where the operator lets a policy add some', () => {
    const policy =
      'image: "python:3"\nservices: { db: { image: "postgres:16", port: 5432 } }\negress: [a.example.com]\n'
    const closed = rulesOf('title: x', policy)
    expect(closed.sandbox).toMatchObject({ image: 'python:3', services: [{ name: 'db', port: 5432 }] })
    expect(closed.sandbox.egressAllow).toBeUndefined()
    expect(closed.notes.join()).toMatch(/a\.example\.com.*EGRESS_FROM_POLICY=true/)
    const open = rulesOf('title: x', policy, { egressFromPolicy: true })
    expect(open.sandbox.egressAllow).toEqual(['a.example.com'])
    expect(open.notes).toEqual([])
  })
})

describe('rulesForRun: what stops a task', () => {
  it.each([
    ['model: gpt\n', {}, /line 1, model: the operator does not allow the model gpt; allowed: sonnet, opus, haiku/],
    ['\nbranch_prefix: mine/\n', {}, /line 2, branch_prefix: .*Right would be: branch_prefix: agent\/mine\//],
    ['image: evil:1\n', { imagesAllowed: ['acme/*'] }, /line 1, image: .*evil:1; allowed: acme\/\*.*IMAGES_ALLOWED/],
    [
      'test: x\nservices: { db: { image: "evil:1", port: 1 } }\n',
      { imagesAllowed: ['acme/*'] },
      /line 2, services\.db\.image: /,
    ],
    ['paths: { protected: ["[[:none:]]x"] }\n', {}, /line 1, paths\.protected: .*can match nothing/],
    ['limits:\n  max_turn: 5\n', {}, /line 2, limits\.max_turn: .*misspelt `max_turns`/],
  ])('refuses %j with its line and what to do', (policy, settings, message) => {
    expect(() => rulesOf('title: x', policy, settings)).toThrow(
      expect.objectContaining({
        category: 'invalid-input',
        code: 'policy-invalid',
        message: expect.stringMatching(message),
      }),
    )
  })

  it('refuses two policies, and one that is no regular file or too large', () => {
    const twice = baseOf({ '.devbot.yml': '', '.devbot.yaml': '' })
    expect(() => readPolicy(twice, 'main')).toThrow(/found \.devbot\.yaml beside it.*Mend it on main/)
    const link = { files: new Map([['.devbot.yml', { kind: 'link' as const }]]) }
    expect(() => readPolicy(link, 'main')).toThrow(/found a link/)
    const large = { files: new Map([['.devbot.yml', { kind: 'too-large' as const, sizeBytes: 1_000_000 }]]) }
    expect(() => readPolicy(large, 'main')).toThrow(/found 1000000/)
  })

  it('shows the first three problems and counts the rest', () => {
    const policy = 'aaaaaaa: 1\nbbbbbbb: 1\nccccccc: 1\nddddddd: 1\neeeeeee: 1\n'
    expect(() => rulesOf('title: x', policy)).toThrow(/And 2 more: devbot validate \.devbot\.yml/)
  })

  it('judges a plan’s model by itself', () => {
    expect(() => rulesOf('model: gpt', 'model: opus')).toThrow(expect.objectContaining({ code: 'model-not-allowed' }))
  })
})
