import { describe, expect, it } from 'vitest'
import { createIgnoreRules } from './gitignore.ts'
import { createPathGlobs, createProtectedGlobs, isGlob } from './path-globs.ts'

describe('createPathGlobs', () => {
  it.each([
    ['src/**', 'src/a/b.ts', true],
    ['src/**', 'lib/src/a.ts', false],
    ['src', 'src/a/b.ts', true],
    ['/src/', 'src/a.ts', true],
    ['src', 'srcs/a.ts', false],
    ['*.md', 'README.md', true],
    ['*.md', 'docs/a.md', false],
    ['**/*.md', 'docs/a.md', true],
    ['**/*.md', 'a.md', true],
    ['packages/*/src', 'packages/api/src/x.ts', true],
    ['packages/*/src', 'packages/api/x.ts', false],
    ['docs/[ab].md', 'docs/a.md', true],
    ['a[b', 'a[b', false],
    ['SRC/**', 'src/a', false],
    ['grün/*', 'grün/ä.txt', true],
  ])('%j covers %j: %j', (glob, path, covered) => {
    expect(createPathGlobs([glob])(path)).toBe(covered ? glob : undefined)
  })

  it('names the first glob that covers a path', () => {
    expect(createPathGlobs(['a', 'b/**', 'b/c'])('b/c')).toBe('b/**')
  })
})

describe('createProtectedGlobs', () => {
  const WORKFLOWS = '.github/workflows/**'
  it.each([
    '.github/workflows/ci.yml',
    '.GitHub/Workflows/ci.yml',
    '.github/workflows./ci.yml',
    '.github /workflows/ci.yml',
    '.github/workflows::$INDEX_ALLOCATION/ci.yml',
    '.g\u200cithub/workflows/ci.yml',
    '．github/workflows/ci.yml',
    // In the place of a folder that leads there, a link or a file would take it away.
    '.github',
    '.github/workflows',
    '.GITHUB',
  ])('protects %j', (path) => {
    expect(createProtectedGlobs([WORKFLOWS])(path)).toBe(WORKFLOWS)
  })

  it.each(['.github/ISSUE_TEMPLATE.md', 'github/workflows/ci.yml', 'docs/.github/workflows/ci.yml', 'README.md'])(
    'leaves %j alone',
    (path) => {
      expect(createProtectedGlobs([WORKFLOWS])(path)).toBeUndefined()
    },
  )

  it.each([
    ['Makefile', 'makefile'],
    ['[[:alpha:]]*.Sql', 'Drop.SQL'],
    ['Straße/*', 'STRASSE/x'],
    ['café.md', 'cafe\u0301.md'],
    ['a:b/**', 'a:b/c'],
    ['docs./x', 'docs./x'],
  ])('takes %j and %j for the same, as some file systems do', (glob, path) => {
    expect(createProtectedGlobs([glob])(path)).toBe(glob)
  })
})

it('answers for many deep paths, and spends nothing on globs that begin otherwise', () => {
  const deep = 'a/'.repeat(2_000)
  const protectedBy = createProtectedGlobs(Array.from({ length: 100 }, (_one, index) => `m${index}/**`))
  for (let index = 0; index < 300; index += 1) expect(protectedBy(`${deep}${index}`)).toBeUndefined()
})

it('stops at rules that are far too many, though none of them comes near to matching', () => {
  const rules = createIgnoreRules(new Map([['.gitignore', Buffer.from('zz\n'.repeat(1_000))]]), { steps: 10_000 })
  const ask = () => Array.from({ length: 20 }, (_one, index) => rules.isIgnored(`file${index}`))
  expect(ask).toThrow(expect.objectContaining({ code: 'patterns-too-complex' }))
})

it('knows a glob that can match nothing', () => {
  expect(['src/**', '*', '[a-z]', '[[:digit:]]'].map(isGlob)).toEqual([true, true, true, true])
  expect(['', '/', 'a[b', '[[:none:]]'].map(isGlob)).toEqual([false, false, false, false])
})
