import { describe, expect, it } from 'vitest'
import { parseStrictJson } from './strict-json.ts'

const parse = (text: string) => parseStrictJson(Buffer.from(text))

describe('parseStrictJson', () => {
  it('reads plain JSON, whatever is inside its strings', () => {
    const value = { a: [1, -2.5, true, null, { b: '{"c":[":"]}\\ "' }], 'x y': 'é\u2028' }
    expect(parse(JSON.stringify(value))).toEqual(value)
    expect(parse(' {"same": {"k": 1}, "twin": [{"k": 1}, {"k": 2}]} ')).toBeTypeOf('object')
  })

  it.each([
    ['a key twice', '{"a":1,"a":1}'],
    ['a key twice by case', '{"Binds":1,"binds":1}'],
    ['a key twice by escape', '{"a":1,"\\u0061":1}'],
    ['a key twice further down', '[{"x":{"a":1,"b":{},"A":1}}]'],
    ['a key twice after a nested object', '{"a":{"a":1},"a":2}'],
    ['a key that folds to another letter in Go', '{"\u212aey":1}'],
    ['__proto__', '{"__proto__":{}}'],
    ['__proto__ by escape', '{"\\u005f_proto__":{}}'],
    ['an empty key', '{"":1}'],
    ['a comment', '{/* */"a":1}'],
    ['a comma too many', '{"a":1,}'],
    ['single quotes', "{'a':1}"],
    ['NaN', '{"a":NaN}'],
    ['two values', '{}{}'],
    ['nothing', ''],
    ['a byte order mark', '\ufeff{"a":1}'],
    ['a NUL after the end', '{}\0'],
    ['arrays nested too deep', '['.repeat(11) + ']'.repeat(11)],
    ['65,000 brackets', '['.repeat(65_000)],
    ['65,000 closed brackets', '['.repeat(32_000) + ']'.repeat(32_000)],
  ])('refuses %s', (_what, text) => {
    expect(() => parse(text)).toThrow(/docker-gate refuses this/)
  })

  it.each([
    ['UTF-16', Buffer.from('{"a":1}', 'utf16le')],
    ['a broken sequence', Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d])],
    ['an overlong slash', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ])('refuses %s', (_what, bytes) => {
    expect(() => parseStrictJson(bytes)).toThrow(/docker-gate refuses this/)
  })
})
