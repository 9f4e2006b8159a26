/** Bytes that all requests together may hold in memory. */
export type ByteBudget = {
  /** Whether there was room for so many more; if so they are taken. */
  readonly take: (bytes: number) => boolean
  readonly giveBack: (bytes: number) => void
}

export function createByteBudget(maxBytes: number): ByteBudget {
  let takenBytes = 0
  return {
    take(bytes) {
      if (takenBytes + bytes > maxBytes) return false
      takenBytes += bytes
      return true
    },
    giveBack(bytes) {
      takenBytes -= bytes
    },
  }
}
