import type { AgentEvent } from '../agent-event.ts'
import { readyWorkspace } from '../answer-calls.ts'
import type { TurnRecorder, Workspace } from '../ports.ts'
import { listChangedFiles } from './changed-files.ts'
import type { Conversation } from './conversation.ts'

export type ShorteningRun = {
  readonly conversation: Conversation
  readonly workspace: () => Promise<Workspace>
  readonly recorder: TurnRecorder
  readonly onEvent: (event: AgentEvent) => void
  readonly stop: AbortSignal
}

/**
 * Compacts the conversation before the request of `turn`, on record. `windowReached`: because the endpoint said that it is
 * too long. False when there was too little to gain.
 */
export async function shortenConversation(run: ShorteningRun, turn: number, windowReached: boolean): Promise<boolean> {
  if (windowReached) run.conversation.windowWasReached()
  const otherFiles = await changedFiles(run)
  const facts = run.conversation.compact(otherFiles)
  if (facts === undefined) return false
  await run.recorder.recordCompaction(turn, facts, { otherFiles, windowReached })
  run.onEvent({ kind: 'compaction', turn, ...facts })
  return true
}

async function changedFiles({ conversation, workspace, stop }: ShorteningRun): Promise<readonly string[]> {
  // Before the first turn nothing was changed, and the workspace may not be ready.
  if (conversation.messages().length === 1) return []
  try {
    const ready = await readyWorkspace({ workspace, signal: stop })
    return ready === undefined ? [] : await listChangedFiles(ready, stop)
  } catch {
    // The list is a help for the agent; whatever is wrong with the sandbox the next tool call says as well.
    return []
  }
}
