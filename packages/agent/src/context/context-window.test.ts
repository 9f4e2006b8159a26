import { describe, expect, it } from 'vitest'
import { contextWindowOf } from './context-window.ts'

describe('contextWindowOf', () => {
  it.each([
    ['claude-sonnet-5-5', 1_000_000],
    ['claude-haiku-4-5', 200_000],
    ['claude-haiku-4-5-20251001', 200_000],
    ['llama-4', 200_000],
    ['toString', 200_000],
  ])('knows %s, or takes the cautious 200,000', (model, tokens) => {
    expect(contextWindowOf(model)).toBe(tokens)
  })
})
