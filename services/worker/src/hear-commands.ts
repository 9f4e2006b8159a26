import type { InboxItem } from '@devbot/contracts'
import { isCommand, judgeCommand } from './comment-commands.ts'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'

/** Pause after GitHub did not say whether an author may: it may be away, and is asked by others, too. */
const RETRY_MS = 5_000

export type CommandEar = {
  /** Told with every heartbeat how many items wait; looks into the inbox when there may be new commands. Never throws. */
  readonly mayHave: (inboxCount: number) => void
  /** Resolves when every command that waits was judged; throws when GitHub does not say. */
  readonly heard: () => Promise<void>
}

/**
 * Listens for commands on the pull request while a run is under way. Whether their author may give them is asked beside
 * the run: only a cancel or a pause by somebody who may calls `onStop`, everybody else's words wait for their step.
 */
export function hearCommands(
  deps: Pick<WorkerDeps, 'github' | 'ledger' | 'log'>,
  task: () => OwnedTask['task'],
  onStop: () => void,
): CommandEar {
  const judged = new Map<string, boolean>()
  let listening: Promise<void> | undefined
  let lastCount = 0
  let notBeforeMs = 0

  const listen = async () => {
    const inbox = (await deps.ledger.snapshot(task().id))?.inbox ?? []
    for (const item of inbox.filter(isCommand)) {
      if (!judged.has(item.id)) judged.set(item.id, stops((await judgeCommand(deps, task(), item)).asks))
      if (judged.get(item.id) === true) onStop()
    }
    lastCount = inbox.length
  }
  const heard = () => {
    listening ??= listen().finally(() => {
      listening = undefined
    })
    return listening
  }
  return {
    heard,
    mayHave: (inboxCount) => {
      if (inboxCount === lastCount || performance.now() < notBeforeMs) return
      heard().catch((error: unknown) => {
        notBeforeMs = performance.now() + RETRY_MS
        deps.log.warn({ taskId: task().id, error }, 'GitHub did not say who may give commands; asking again')
      })
    },
  }
}

function stops(asks: InboxItem | undefined): boolean {
  return asks?.kind === 'cancel-requested' || asks?.kind === 'pause-requested'
}
