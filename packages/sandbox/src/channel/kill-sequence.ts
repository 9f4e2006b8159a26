/** Between TERM and KILL: enough to flush and remove a lock file. */
const TERM_GRACE_MS = 500
/** After KILL, for the server to answer on a busy machine. Then everything in the sandbox is killed. */
const KILL_ANSWER_MS = 5_000
/** After the server said that it killed, for the command's trailer. */
const TRAILER_AFTER_KILL_MS = 1_000

type KillSequenceInput = {
  send(signal: 'TERM' | 'KILL'): void
  /** The command is gone, or nothing more can be done about it through the channel. */
  done(): void
  /** The channel does not answer. */
  escalate(): void
}

export type KillSequence = {
  readonly started: boolean
  start(): void
  /** The command's own shell has ended (what it left behind may still run). */
  shellEnded(): void
  /** The server has sent KILL to everything it could find. */
  killed(): void
  cancel(): void
}

/** How a command is ended: TERM, KILL (which also finds what left the process group), then everything. */
export function createKillSequence({ send, done, escalate }: KillSequenceInput): KillSequence {
  const timers = new Set<NodeJS.Timeout>()
  let state: 'idle' | 'terminating' | 'killing' | 'killed' = 'idle'
  let shellHasEnded = false
  const after = (delayMs: number, action: () => void) => timers.add(setTimeout(action, delayMs))

  function kill(): void {
    if (state !== 'terminating') return
    state = 'killing'
    send('KILL')
    after(KILL_ANSWER_MS, () => {
      if (state === 'killing') escalate()
    })
  }

  return {
    get started() {
      return state !== 'idle'
    },
    start() {
      if (state !== 'idle') return
      state = 'terminating'
      send('TERM')
      after(TERM_GRACE_MS, kill)
    },
    shellEnded() {
      shellHasEnded = true
      kill()
      if (state === 'killed') done()
    },
    killed() {
      if (state !== 'killing') return
      state = 'killed'
      if (shellHasEnded) done()
      else after(TRAILER_AFTER_KILL_MS, done)
    },
    cancel() {
      for (const timer of timers) clearTimeout(timer)
    },
  }
}
