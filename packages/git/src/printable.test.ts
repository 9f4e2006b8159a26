import { expect, it } from 'vitest'
import { printable } from './printable.ts'

it('makes one harmless line of foreign text and blanks secrets in it', () => {
  expect(printable('a\n\u001b[31m b\u202ec \t secret-x', ['secret-x', ''])).toBe('a [31m b c [secret]')
})

it('keeps the end of a long text', () => {
  expect(printable(`${'x'.repeat(1000)}end`)).toMatch(/^\.\.\.x{597}end$/)
})
