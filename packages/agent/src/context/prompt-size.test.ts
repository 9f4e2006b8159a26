import { describe, expect, it } from 'vitest'
import { createPromptSizer } from './prompt-size.ts'

const usage = (told: { inputTokens?: number; cacheReadTokens?: number; outputTokens?: number }) => ({
  outputTokens: 100,
  requestBytes: 100_000,
  maxOutputTokens: 32_000,
  ...told,
})

describe('createPromptSizer', () => {
  it('guesses 3.5 bytes a token before the first count, and for money one byte', () => {
    expect(createPromptSizer().sizeOf(7_000)).toEqual({ likely: 2_000, atMost: 7_000 })
  })

  it("takes the API's own count, cached tokens included, and estimates only what was added since", () => {
    const sizer = createPromptSizer()
    sizer.note(usage({ inputTokens: 500, cacheReadTokens: 9_500 }), 40_000, 41_000)
    expect(sizer.sizeOf(43_000)).toEqual({ likely: 10_000 + 100 + 500, atMost: 10_000 + 100 + 2_000 })
  })

  it('keeps the density when the prompt was made anew, with a margin for money', () => {
    const sizer = createPromptSizer()
    sizer.note(usage({ inputTokens: 10_000 }), 40_000, 41_000)
    sizer.forget()
    expect(sizer.sizeOf(8_000)).toEqual({ likely: 2_000, atMost: 2_600 })
  })

  it.each([
    ['nothing', {}],
    ['only what was not cached', { inputTokens: 3 }],
    ['more tokens than bytes', { inputTokens: 900_000 }],
  ])('does not believe an endpoint that tells %s', (_what, told) => {
    const sizer = createPromptSizer()
    sizer.note(usage(told), 40_000, 41_000)
    expect(sizer.sizeOf(7_000)).toEqual({ likely: 2_000, atMost: 7_000 })
  })
})
