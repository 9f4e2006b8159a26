/** Work with the same name, one after the other in order of asking; work with other names beside it. */
export function createTurns(): <T>(name: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return async (name, signal, work) => {
    const before = last.get(name)
    const over = Promise.withResolvers<void>()
    // Whoever comes next waits for this one and, when it gave up waiting, for those before it.
    const turn = Promise.allSettled([before, over.promise])
    last.set(name, turn)
    turn.then(() => {
      if (last.get(name) === turn) last.delete(name)
    })
    try {
      await abortable(before, signal)
      return await work()
    } finally {
      over.resolve()
    }
  }
}

/** Waits for something that never fails, at most until the signal; then throws its reason. */
export async function abortable(awaited: Promise<unknown> | undefined, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (awaited === undefined) return
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([awaited, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
