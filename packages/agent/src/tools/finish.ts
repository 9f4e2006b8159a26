import { feedbackDecisionSchema, finishSchema, type RunKind } from '@devbot/contracts'
import { z } from 'zod'
import { type InvalidInput, invalidInputMessage, offerFor, oneLine } from '../agent-tool.ts'
import type { ToolOffer } from '../model-client.ts'
import type { FinishClaim } from '../ports.ts'

/** The tool by which the agent says that it is done. It does nothing itself: the worker judges the claim. */
export type FinishTool = {
  readonly offer: ToolOffer
  readClaim(
    input: unknown,
  ): { readonly kind: 'claim'; readonly claim: FinishClaim; readonly detail: string } | InvalidInput
}

const NAME = 'finish'
const MAX_ANSWERS = 200

const feedbackAnswers = z
  .array(
    z.object({
      item: z.string().min(1).max(200).describe('id of the item'),
      decision: feedbackDecisionSchema,
      reply: z.string().min(1).max(8_000),
    }),
  )
  .max(MAX_ANSWERS)
  .describe('one answer for every feedback item')

/** The shared schema with a word on what each text is used for. */
const finishInput = finishSchema.extend({
  title: finishSchema.shape.title.describe('title of the pull request'),
  summary: finishSchema.shape.summary.describe('what was done and why, for the reviewer'),
  testing_notes: finishSchema.shape.testing_notes.describe('what you ran and what it showed'),
  next_steps: finishSchema.shape.next_steps.describe('what is left undone'),
})

/** In a `revise` run every feedback item is answered; in an `implement` run there is none. */
export function createFinishTool(runKind: RunKind): FinishTool {
  return runKind === 'revise'
    ? finishTool(finishInput.extend({ feedback: feedbackAnswers }), (claim) => claim)
    : finishTool(finishInput, (finish) => ({ ...finish, feedback: [] }))
}

function finishTool<Schema extends z.ZodType>(
  schema: Schema,
  claimOf: (input: z.output<Schema>) => FinishClaim,
): FinishTool {
  return {
    offer: offerFor({
      name: NAME,
      description:
        'Says that the work is done. The worker then runs the tests itself; if they fail, you get their output and go on.',
      input: schema,
    }),
    readClaim(input) {
      const parsed = schema.safeParse(input)
      if (!parsed.success) return { kind: 'invalid', message: invalidInputMessage(NAME, parsed.error) }
      const claim = claimOf(parsed.data)
      return { kind: 'claim', claim, detail: oneLine(claim.title) }
    },
  }
}
