import { describe, expect, test } from 'vitest'
import { lineAtPosition, locateLine } from './locate-line.ts'

const patch = [
  '@@ -1,3 +1,3 @@',
  ' one',
  '-two',
  '+zwei',
  ' three',
  '@@ -10,2 +10,3 @@ tail',
  ' ten',
  '+new',
  ' eleven',
].join('\n')

describe('locateLine', () => {
  test('cuts the hunk after the line on the new side', () => {
    expect(locateLine(patch, 2, 'RIGHT')).toEqual({ hunk: '@@ -1,3 +1,3 @@\n one\n-two\n+zwei', position: 3 })
  })

  test('tells the same number on the old side apart', () => {
    expect(locateLine(patch, 2, 'LEFT')).toEqual({ hunk: '@@ -1,3 +1,3 @@\n one\n-two', position: 2 })
  })

  test('counts positions on through later hunks', () => {
    expect(locateLine(patch, 11, 'RIGHT')).toEqual({ hunk: '@@ -10,2 +10,3 @@ tail\n ten\n+new', position: 7 })
  })

  test('finds nothing for a line that the diff does not show', () => {
    expect(locateLine(patch, 5, 'RIGHT')).toBeUndefined()
  })
})

describe('lineAtPosition', () => {
  test.each([
    [2, { line: 2, side: 'LEFT' }],
    [3, { line: 2, side: 'RIGHT' }],
    [8, { line: 12, side: 'RIGHT' }],
    [99, undefined],
  ])('reads position %i', (position, expected) => {
    expect(lineAtPosition(patch, position)).toEqual(expected)
  })
})
