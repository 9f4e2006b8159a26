import type { FinishClaim } from '@devbot/agent'
import { withoutSecrets } from '@devbot/config'
import type { FeedbackRow } from '@devbot/contracts'
import type { WorkerDeps } from './deps.ts'
import { publishableText } from './report/publishable-text.ts'

/** The rows of a round with the agent's decision and reply; `commitId` only when something was pushed. Pure. */
export function answeredRows(
  deps: Pick<WorkerDeps, 'secrets'>,
  rows: readonly FeedbackRow[],
  claim: FinishClaim,
  round: number,
  commitId: string | undefined,
): readonly FeedbackRow[] {
  return rows.map((row) => {
    const answer = claim.feedback.find(({ item }) => item === row.item.id)
    return {
      ...row,
      state: 'answered' as const,
      round,
      decision: answer?.decision ?? 'declined',
      reply: publishableText(
        withoutSecrets(
          answer?.reply ?? 'The agent gave no answer to this in its round. Ask again if it still matters.',
          deps.secrets,
        ),
      ),
      replyPosted: false,
      ...(commitId === undefined ? {} : { commitId }),
    }
  })
}
