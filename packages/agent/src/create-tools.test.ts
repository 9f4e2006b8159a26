import { describe, expect, it } from 'vitest'
import { createTools, offersOf } from './create-tools.ts'
import { systemPromptFor } from './prompt-messages.ts'

const DELIMITER = 'k3jd84hfm2ls9dj3k3jd84hf'

/** Bytes / 4, as the issue counts them. */
const tokens = (text: string) => Math.ceil(Buffer.byteLength(text) / 4)

describe('the tools', () => {
  it.each(['implement', 'revise'] as const)(
    'cost with the system prompt of a %s run at most 2,000 tokens',
    (runKind) => {
      const offers = offersOf(createTools(runKind)).map(({ name, description, inputSchema }) => ({
        name,
        description,
        input_schema: inputSchema,
      }))
      const system = tokens(systemPromptFor({ runKind, delimiter: DELIMITER }))
      const each = offers.map((offer) => `${offer.name} ${tokens(JSON.stringify(offer))}`)
      const all = system + tokens(JSON.stringify(offers))
      process.stdout.write(`${runKind}: ${all} tokens: system prompt ${system}, ${each.join(', ')}\n`)
      expect(all).toBeLessThanOrEqual(2_000)
    },
  )

  it('say no bound that nothing reaches, and keep those that a reply can reach', () => {
    const text = JSON.stringify(offersOf(createTools('implement')))
    expect(text).not.toMatch(/minLength|9007199254740991|"maxLength":[0-9]{4}/)
    expect(text).toMatch(/"maximum":600/)
    expect(text).toMatch(/"maxLength":200/)
  })
})
