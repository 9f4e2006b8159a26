/** Runs at most `limit` of the given jobs at a time, in order of arrival. */
export function limitConcurrency(limit: number): <T>(job: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (job) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await job()
    } finally {
      // The slot goes straight to the next in line, so that nobody can slip in between.
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}

/** Runs jobs with the same key one after the other. */
export function oneAtATimePerKey(): <T>(key: string, job: () => Promise<T>) => Promise<T> {
  const queues = new Map<string, { readonly run: ReturnType<typeof limitConcurrency>; users: number }>()
  return async (key, job) => {
    const queue = queues.get(key) ?? { run: limitConcurrency(1), users: 0 }
    queues.set(key, queue)
    queue.users++
    try {
      return await queue.run(job)
    } finally {
      queue.users--
      if (queue.users === 0) queues.delete(key)
    }
  }
}
