/** All answers together, in bytes: the listings of some repositories of 5,000 files. A larger answer is read each time. */
const MAX_BYTES = 4 * 1024 * 1024

/** What was read of objects by their id, which never changes: the newest answers, for all stores of one process. */
export type ReadMemory = {
  /** The answer that is known, else the one that `read` gives; `weigh` says how many bytes that takes, about. */
  answer<T>(key: string, read: () => Promise<T>, weigh: (answer: T) => number): Promise<T>
}

export function createReadMemory(): ReadMemory {
  const answers = new Map<string, { readonly value: unknown; readonly bytes: number }>()
  let allBytes = 0
  const keep = (key: string, value: unknown, bytes: number) => {
    allBytes += bytes - (answers.get(key)?.bytes ?? 0)
    answers.delete(key)
    answers.set(key, { value, bytes })
    for (const [oldest, { bytes: freed }] of answers) {
      if (allBytes <= MAX_BYTES) return
      allBytes -= freed
      answers.delete(oldest)
    }
  }
  return {
    async answer<T>(key: string, read: () => Promise<T>, weigh: (answer: T) => number): Promise<T> {
      const known = answers.get(key)
      // A key is only ever given with one kind of read, so its answer has that one's type.
      const value = known === undefined ? await read() : (known.value as T)
      const bytes = known?.bytes ?? weigh(value)
      if (bytes <= MAX_BYTES) keep(key, value, bytes)
      return value
    },
  }
}
