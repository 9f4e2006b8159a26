import { describe, expect, it } from 'vitest'
import { outOfScopePaths, scopeConcerns } from './scope.ts'

describe('outOfScopePaths', () => {
  it('names the changed paths that no glob covers', () => {
    expect(outOfScopePaths(['src/a.ts', 'README.md', 'docs/x/y.md'], ['src/**', 'docs'])).toEqual(['README.md'])
  })
  it('has nothing to say without globs', () => {
    expect(outOfScopePaths(['a'], [])).toEqual([])
  })
})

describe('scopeConcerns', () => {
  it('counts a path once that lies outside of both, and says who wants it otherwise', () => {
    const scopes = [
      { saidBy: 'the plan', globs: ['src/api/**'] },
      { saidBy: '.devbot.yml', globs: ['src/**'] },
    ]
    expect(scopeConcerns(['src/api/a.ts', 'src/b.ts', 'c.ts'], scopes)).toEqual([
      { kind: 'out-of-scope', path: 'src/b.ts', detail: 'the plan wants changes only in src/api/**' },
      { kind: 'out-of-scope', path: 'c.ts', detail: 'the plan wants changes only in src/api/**' },
    ])
  })
})
