import type { InboxItem } from '@devbot/contracts'
import { type CommandJudges, isCommand, judgeCommand } from './comment-commands.ts'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'

/** Pause after GitHub did not say whether an author may: it may be away, and is asked by others, too. */
const RETRY_MS = 5_000

export type CommandEarDeps = {
  readonly github: CommandJudges['github']
  readonly ledger: CommandJudges['ledger'] & Pick<WorkerDeps['ledger'], 'snapshot'>
  readonly log: Pick<WorkerDeps['log'], 'warn'>
}

export type CommandEar = {
  /** Told with every heartbeat the inbox' sequence; looks into it when there may be new commands. Never throws. */
  readonly mayHave: (inboxSequence: number) => void
  /** Resolves when every command that waits at the call was judged; throws when GitHub does not say. */
  readonly heard: () => Promise<void>
}

/**
 * Listens for commands on the pull request while a run is under way. Whether their author may give them is asked beside
 * the run: only a cancel or a pause by somebody who may calls `onStop`, everybody else's words wait for their step.
 */
export function hearCommands(deps: CommandEarDeps, task: () => OwnedTask['task'], onStop: () => void): CommandEar {
  const judged = new Map<string, boolean>()
  let listening: Promise<void> | undefined
  let heardUpTo = 0
  let notBeforeMs = 0

  const listen = async () => {
    const { inbox = [], inboxSequence = 0 } = (await deps.ledger.snapshot(task().id)) ?? {}
    for (const item of inbox.filter(isCommand)) {
      if (!judged.has(item.id)) judged.set(item.id, stops((await judgeCommand(deps, task(), item)).asks))
      if (judged.get(item.id) === true) onStop()
    }
    heardUpTo = inboxSequence
  }
  const look = () => {
    listening ??= listen().finally(() => {
      listening = undefined
    })
    return listening
  }
  return {
    heard: async () => {
      // A look under way may have begun before the newest command came; its failure is told to whoever began it.
      await Promise.allSettled([listening])
      await look()
    },
    mayHave: (inboxSequence) => {
      if (listening !== undefined || inboxSequence <= heardUpTo || performance.now() < notBeforeMs) return
      look().catch((error: unknown) => {
        notBeforeMs = performance.now() + RETRY_MS
        deps.log.warn({ taskId: task().id, error }, 'GitHub did not say who may give commands; asking again')
      })
    },
  }
}

function stops(asks: InboxItem | undefined): boolean {
  return asks?.kind === 'cancel-requested' || asks?.kind === 'pause-requested'
}
