import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { quoteForShell } from './quote-for-shell.ts'

describe('quoteForShell', () => {
  it.each([
    ['plain'],
    ["it's"],
    ["'; touch /tmp/owned; '"],
    ['$(id) `id` $HOME'],
    ['a\nb\\'],
    ['"*?[!~#&|'],
    ['-rf'],
    [''],
    ['日本 é'],
    ["''''"],
  ])('gives a shell back exactly %j', (argument) => {
    const shown = execFileSync('/bin/sh', ['-c', `printf %s ${quoteForShell(argument)}`], { encoding: 'utf8' })
    expect(shown).toBe(argument)
  })

  it('refuses NUL', () => {
    expect(() => quoteForShell('a\0b')).toThrow(/NUL/)
  })
})
