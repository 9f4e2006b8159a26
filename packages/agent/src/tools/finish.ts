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

/** In a `revise` run every feedback item is answered; in an `implement` run there is none. */
export function createFinishTool(runKind: RunKind): FinishTool {
  return runKind === 'revise'
    ? finishTool(finishSchema.extend({ feedback: feedbackAnswers }), (claim) => claim)
    : finishTool(finishSchema, (finish) => ({ ...finish, feedback: [] }))
}

function finishTool<Schema extends z.ZodType>(
  schema: Schema,
  claimOf: (input: z.output<Schema>) => FinishClaim,
): FinishTool {
  return {
    offer: offerFor({
      name: NAME,
      description:
        'Ends the work, with the title of the pull request and, for its reviewer, what was done and why. If tests fail, you get their output and go on.',
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
