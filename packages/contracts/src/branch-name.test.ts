import { describe, expect, it } from 'vitest'
import { branchNameFor, branchNameProblem, slugFor } from './branch-name.ts'

describe('branchNameProblem', () => {
  it.each(['main', 'agent/add-retry-1735689600', 'release/1.2.x', 'a_b/C-d', 'x'.repeat(200)])('accepts %s', (name) => {
    expect(branchNameProblem(name)).toBeUndefined()
  })

  it.each([
    '',
    'x'.repeat(201),
    '/a',
    'a/',
    'a//b',
    '.a',
    'a/.b',
    '-a',
    'a/-b',
    'a.',
    'a.lock',
    'a.lock/b',
    'a..b',
    'a b',
    'a~1',
    'a^',
    'a:b',
    'a?',
    'a*',
    'a[b',
    'a\\b',
    'a@{1}',
    'a$(id)',
    'a`id`',
    'a\nb',
    'é',
    'HEAD',
    'refs/heads/main',
  ])('says what is wrong with %j', (name) => {
    expect(branchNameProblem(name)).toMatch(/^expected /)
  })
})

describe('slugFor', () => {
  it.each([
    ['250102__PLAN__Add Retry.md', '250102-plan-add-retry'],
    ['sub/folder/Fix.MD', 'fix'],
    ['Résumé für Ångström.md', 'resume-fur-angstrom'],
    ['日本語.md', 'plan'],
    ['--.md', 'plan'],
    [`${'a'.repeat(59)}--b.md`, 'a'.repeat(59)],
  ])('makes of %s the slug %s', (planPath, slug) => {
    expect(slugFor(planPath)).toBe(slug)
  })
})

describe('branchNameFor', () => {
  it('joins prefix, slug and the whole seconds of acceptance', () => {
    expect(branchNameFor({ prefix: 'agent/', planPath: 'hello.md', acceptedAtMs: 1_735_689_600_999 })).toBe(
      'agent/hello-1735689600',
    )
  })

  it.each(['a'.repeat(300), '.lock', 'x.lock', '..', '@{-1}', '%00', 'ß', ' '])(
    'is a good name for a plan called %j',
    (name) => {
      const branch = branchNameFor({ prefix: 'agent/', planPath: `${name}.md`, acceptedAtMs: 1_735_689_600_000 })
      expect(branchNameProblem(branch)).toBeUndefined()
    },
  )
})
