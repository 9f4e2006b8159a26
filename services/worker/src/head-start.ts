/** What it takes to set the money aside, build the first body and send it, on a busy machine. */
const HEAD_START_MS = 25

export type HeadStart = Disposable & {
  /** The first request is about to be made. */
  readonly begin: () => void
  /** The same work, begun when the head start is over. */
  readonly after: <T>(work: () => Promise<T>) => () => Promise<T>
}

/**
 * The first model request goes first: what is made ready beside it (fetch, sandboxes, tests) begins when it is on its way,
 * because starting git and containers takes longer than sending a request, and takes the processor from it. To be
 * disposed of before what waits for it, so that nothing waits for a request that is never made.
 */
export function createHeadStart(): HeadStart {
  const over = Promise.withResolvers<void>()
  let timer: NodeJS.Timeout | undefined
  return {
    begin: () => {
      timer ??= setTimeout(over.resolve, HEAD_START_MS)
    },
    after: (work) => async () => {
      await over.promise
      return work()
    },
    [Symbol.dispose]: () => {
      clearTimeout(timer)
      over.resolve()
    },
  }
}
