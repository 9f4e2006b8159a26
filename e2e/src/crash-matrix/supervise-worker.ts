import type { Stack } from '@devbot/demo'

export type SupervisedWorker = AsyncDisposable & {
  /** Starts that failed although nobody killed the worker; empty in a run that went well. */
  readonly problems: () => readonly string[]
  /** Ends the worker in good order. */
  readonly stop: () => Promise<void>
}

/** Starts the worker again whenever it has died, as compose does. */
export function superviseWorker(stack: Stack): SupervisedWorker {
  const worker = stack.service('worker')
  const problems: string[] = []
  let stopping = false
  const watch = async () => {
    while (!stopping) {
      await worker.ended()
      if (stopping) return
      // It may reach its next point before it is ready: then it is started once more.
      await worker.start().catch((error: unknown) => {
        if (!String(error).includes('SIGKILL')) problems.push(String(error))
      })
    }
  }
  const watching = watch()
  const stop = async () => {
    if (stopping) return
    stopping = true
    const code = await worker.stop()
    if (code !== 0) problems.push(`the worker ended with ${code} on SIGTERM`)
    await watching
  }
  return { problems: () => problems, stop, [Symbol.asyncDispose]: stop }
}
