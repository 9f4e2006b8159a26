import { describe, expect, it } from 'vitest'
import { createGlob, plainFolders } from './match-glob.ts'

describe('createGlob', () => {
  it.each([
    ['*.ts', 'src/deep/a.ts', true],
    ['*.ts', 'a.tsx', false],
    ['src/*.ts', 'src/a.ts', true],
    ['src/*.ts', 'src/deep/a.ts', false],
    ['./src/*.ts', 'src/a.ts', true],
    ['**/*.ts', 'a.ts', true],
    ['src/**/test/*', 'src/test/a', true],
    ['src/**/test/*', 'src/a/b/test/a', true],
    ['src/**', 'src/a/b', true],
    ['a/**/b/**/c', 'a/x/b/y/z/b/c', true],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['é?', 'é\u{1f600}', true],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[]x]y', ']y', true],
    ['[x', '[x', true],
    ['*.{ts,js}', 'a.js', true],
    ['{src,test/{a,b}}/*.ts', 'test/b/x.ts', true],
    ['{src,test}/*.ts', 'lib/x.ts', false],
    ['{x}', '{x}', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['.*', '.hidden', true],
    ['*', 'deep/any', true],
  ])('%j on %j: %j', (glob, path, expected) => {
    expect(createGlob(glob)(path)).toBe(expected)
  })

  it('takes no longer for what would keep a regular expression busy for ever', () => {
    const started = performance.now()
    const name = 'a'.repeat(255)
    expect(createGlob(`${'*a'.repeat(50)}*b`)(name)).toBe(false)
    expect(createGlob(`${'**/a/'.repeat(20)}b`)(Array(500).fill('a').join('/'))).toBe(false)
    expect(createGlob('{a,b}'.repeat(50))(name)).toBe(false)
    expect(performance.now() - started).toBeLessThan(500)
  })

  it('gives up where a pattern of many folders meets many deep paths', () => {
    const matches = createGlob(`**/${'a/'.repeat(200)}b`, 1_000_000)
    const deep = 'a/'.repeat(1_900)
    const ask = () => Array.from({ length: 20 }, (_one, index) => matches(`${deep}${index}`))
    expect(ask).toThrow(expect.objectContaining({ code: 'glob-too-complex' }))
  })
})

describe('plainFolders', () => {
  it.each([
    ['src/a/*.ts', 'src/a'],
    ['*.ts', ''],
    ['./src/a.ts', 'src'],
    ['src/**/x', 'src'],
    ['s{a,b}/x', ''],
    ['../x/*', ''],
  ])('of %j are %j', (glob, folders) => expect(plainFolders(glob)).toBe(folders))
})
