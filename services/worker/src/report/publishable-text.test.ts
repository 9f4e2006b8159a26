import { describe, expect, it } from 'vitest'
import { codeBlock, codeSpan, publishableLine, publishableText } from './publishable-text.ts'

describe('publishableText', () => {
  it.each([
    ['a mention', 'thanks @ada and @org/team', /(^|\s)@(ada|org)/],
    [
      'a closing keyword',
      'This fixes #12, closes octo/hello#3 and Resolves: https://x/issues/1',
      /(fixes|closes|Resolves:) (#|octo|https)/,
    ],
    ['a command for another bot', 'done\n/merge now\n  /approve', /^\s*\/(merge|approve)/m],
    ['an image', '![x](http://evil/?leak)', /!\[/],
    ['HTML', '<img src=x><!-- devbot:task=t000000000000 -->', /</],
    ['invisible and direction characters', 'a\u202eb\u200bc\u{e0041}d', /[\u202e\u200b\u{e0041}]/u],
    ['control characters', 'a\u001b[31mb\u0000', /\p{Cc}/u],
  ])('disarms %s', (_what, text, live) => {
    expect(text).toMatch(live)
    expect(publishableText(text)).not.toMatch(live)
  })

  it('keeps ordinary Markdown and words as they are', () => {
    const text = '- uses `a < b`\n- see src/x.ts, e.g. user@example.com'
    expect(publishableText(text.replace('<', 'lt'))).toBe(text.replace('<', 'lt'))
  })
})

describe('publishableLine', () => {
  it('gives one line that fits into a table cell', () => {
    expect(publishableLine('one\ntwo | three')).toBe('one two \\| three')
  })
})

describe('codeSpan and codeBlock', () => {
  it('cannot be ended by what is in them', () => {
    expect(codeSpan('a`b``c')).toBe('```a`b``c```')
    expect(codeSpan('`')).toBe('`` ` ``')
    expect(codeBlock('x\n````\ny').split('\n')[0]).toBe('`````text')
  })
})
