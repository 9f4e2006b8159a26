import { describe, expect, it } from 'vitest'
import { nearestText, replaceExactly } from './replace-exactly.ts'

describe('replaceExactly', () => {
  it('replaces one occurrence and says where', () => {
    expect(replaceExactly('a\nb\nc', 'b', 'B', 1)).toEqual({ kind: 'replaced', text: 'a\nB\nc', firstLine: 2 })
  })

  it('replaces as many as were counted', () => {
    expect(replaceExactly('x x x', 'x', 'y', 3)).toMatchObject({ kind: 'replaced', text: 'y y y' })
  })

  it('changes nothing when the count differs, and lists the lines', () => {
    expect(replaceExactly('x\nb\nx', 'x', 'y', 1)).toEqual({ kind: 'wrong-count', found: 2, lines: [1, 3] })
  })

  it('takes the new text as it is, dollar signs included', () => {
    expect(replaceExactly('price', 'price', '$& $1 $$', 1)).toMatchObject({ text: '$& $1 $$' })
  })

  it('keeps CRLF when the texts come with plain line feeds', () => {
    expect(replaceExactly('a\r\nb\r\nc\r\n', 'a\nb', 'x\ny', 1)).toMatchObject({ text: 'x\r\ny\r\nc\r\n' })
    expect(replaceExactly('a\r\nb\r\n', 'b', 'b\nc', 1)).toMatchObject({ text: 'a\r\nb\r\nc\r\n' })
    expect(replaceExactly('a\r\nb\r\n', 'a\r\nb', 'x\r\ny', 1)).toMatchObject({ text: 'x\r\ny\r\n' })
  })

  it('leaves a file of mixed line ends otherwise alone', () => {
    expect(replaceExactly('a\r\nb\nc', 'b\nc', 'x\ny', 1)).toMatchObject({ text: 'a\r\nx\ny' })
    expect(replaceExactly('a\r\nb\nc', 'a\nb', 'x\ny', 1)).toMatchObject({ text: 'x\r\ny\nc' })
  })

  it('works beside a missing last newline and a byte order mark', () => {
    expect(replaceExactly('\ufeffa\nlast', 'last', 'end', 1)).toMatchObject({ text: '\ufeffa\nend' })
  })
})

describe('nearestText', () => {
  const file = [
    'function add(a, b) {',
    '    return a + b',
    '}',
    '',
    'function subtract(a, b) {',
    '    return a - b',
    '}',
  ].join('\n')

  it('finds the same lines with another indentation', () => {
    expect(nearestText(file, 'function subtract(a, b) {\n  return a - b\n}')).toBe(
      '5\tfunction subtract(a, b) {\n6\t    return a - b\n7\t}',
    )
  })

  it('finds the line with most words in common', () => {
    expect(nearestText(file, 'function subtract(x, b)')).toMatch(/^5\tfunction subtract/)
  })

  it('shows nothing when nothing is alike', () => {
    expect(nearestText(file, 'import express from "express"')).toBeUndefined()
    expect(nearestText('', 'x')).toBeUndefined()
  })
})
