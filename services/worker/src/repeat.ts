/** Does `work` now and then every `periodMs`, never twice at once. What it throws is told, the same thing once in a row. */
export function repeat(work: () => Promise<void>, periodMs: number, onError: (error: unknown) => void) {
  let running: Promise<void> | undefined
  let told: string | undefined
  const once = async () => {
    try {
      await work()
      told = undefined
    } catch (error) {
      const message = String(error)
      if (message !== told) onError(error)
      told = message
    } finally {
      running = undefined
    }
  }
  const start = () => {
    running ??= once()
    return running
  }
  const first = start()
  const timer = setInterval(start, periodMs)
  return {
    first,
    close: async () => {
      clearInterval(timer)
      await running
    },
  }
}
