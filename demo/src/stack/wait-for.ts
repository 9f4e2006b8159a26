import { setTimeout as sleep } from 'node:timers/promises'

/** Asks until there is an answer. Throws after `timeoutMs` with what was waited for and, if told, how things stood. */
export async function waitFor<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  options: {
    readonly timeoutMs?: number
    readonly everyMs?: number
    readonly otherwise?: () => Promise<unknown>
  } = {},
): Promise<T> {
  const { timeoutMs = 60_000, everyMs = 100, otherwise } = options
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > deadline) {
      const state = otherwise === undefined ? '' : `\ninstead: ${JSON.stringify(await otherwise(), undefined, 2)}`
      throw new Error(`waited ${timeoutMs / 1000} s in vain for: ${what}${state}`)
    }
    await sleep(everyMs)
  }
}
