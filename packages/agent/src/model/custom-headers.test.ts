import { describe, expect, it } from 'vitest'
import { parseCustomHeaders } from './custom-headers.ts'

describe('parseCustomHeaders', () => {
  it('reads a header from each line', () => {
    expect(parseCustomHeaders('X-Team: core\r\n\n  cf-aig-authorization:Bearer a:b \nanthropic-beta: x')).toEqual({
      'x-team': 'core',
      'cf-aig-authorization': 'Bearer a:b',
      'anthropic-beta': 'x',
    })
    expect(parseCustomHeaders('')).toEqual({})
  })

  it.each([
    ['no colon', 'X-Team secret-value', 1],
    ['no name', 'x-a: 1\n: secret-value', 2],
    ['a space in the name', 'X Team: secret-value', 1],
    ['an empty value', 'X-Team:', 1],
    ['a value beyond ASCII', 'X-Team: secret-välue', 1],
    ['a control character', 'X-Team: secret\u0000value', 1],
    ["the key's place", 'Authorization: Bearer secret-value', 1],
    ['the key in the other place', 'x-api-key: secret-value', 1],
    ['what the connection sets', 'Content-Length: 5', 1],
    ['a header twice', 'x-a: secret-value\nX-A: 2', 2],
    ['a value without end', `x-a: ${'secret-value'.repeat(1000)}`, 1],
    ['too many', Array.from({ length: 33 }, (_, n) => `x-${n}: secret-value`).join('\n'), 33],
  ])('refuses %s, naming the line and no value', (_what, text, line) => {
    const parse = () => parseCustomHeaders(text)
    expect(parse).toThrow(new RegExp(`ANTHROPIC_CUSTOM_HEADERS, line ${line}:`))
    expect(parse).not.toThrow(/secret/)
  })
})
