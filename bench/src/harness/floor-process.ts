import { fork } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FloorEnd, FloorRun } from './floor.ts'

export type FloorProcess = AsyncDisposable & { readonly run: (run: FloorRun) => Promise<void> }

/** Thirty turns and their tests take two or three seconds. */
const RUN_TIMEOUT_MS = 60_000

/** One process for all runs of a floor, so that it is as warm as a worker that has worked before. */
export function startFloorProcess(): FloorProcess {
  const child = fork(fileURLToPath(new URL('./floor.ts', import.meta.url)), {
    // The tools' `node` is this one.
    env: { PATH: [dirname(process.execPath), process.env.PATH].join(delimiter), HOME: process.env.HOME },
  })
  const exited = once(child, 'exit')
  return {
    run: async (run) => {
      const answer = Promise.race([
        once(child, 'message', { signal: AbortSignal.timeout(RUN_TIMEOUT_MS) }),
        exited.then(([code]) => Promise.reject(new Error(`the floor's process ended with ${code}`))),
      ])
      child.send(run)
      const [end] = (await answer) as [FloorEnd]
      if (end.error !== undefined) throw new Error(`a floor failed: ${end.error}`)
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}
