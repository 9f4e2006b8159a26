/** Keeps the first and the last bytes of a stream of any length, in bounded memory, and counts all. */
export type HeadAndTail = {
  push(bytes: Uint8Array): void
  /** Counts bytes that somebody else has left out. */
  skip(count: number): void
  /** Everything when it fitted, else the head followed by the tail. */
  kept(): Uint8Array
  readonly totalBytes: number
}

/** Half of `maxBytes` is kept from the head, the other half from the tail. */
export function createHeadAndTail(maxBytes: number): HeadAndTail {
  const headBytes = Math.ceil(maxBytes / 2)
  const tailBytes = maxBytes - headBytes
  const head: Uint8Array[] = []
  let tail: Uint8Array[] = []
  let tailHeld = 0
  let totalBytes = 0

  function keepTail(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    tail.push(bytes)
    tailHeld += bytes.length
    // Joined only now and then, so that many small pieces cost linear time.
    if (tailHeld > tailBytes * 2 + 65_536 || tail.length > 1024) {
      tail = [lastBytes(tail, tailBytes)]
      tailHeld = tail[0]?.length ?? 0
    }
  }

  return {
    push(bytes) {
      // Empty pieces would pile up.
      if (bytes.length === 0) return
      const room = Math.max(0, headBytes - totalBytes)
      // Copies: a piece may be a view of a much larger chunk, which must not be kept alive.
      if (room > 0) head.push(Uint8Array.from(bytes.subarray(0, room)))
      totalBytes += bytes.length
      if (bytes.length > room) keepTail(Uint8Array.from(bytes.subarray(Math.max(room, bytes.length - tailBytes))))
    },
    skip(count) {
      totalBytes += count
      // What came before is not next to what comes.
      tail = []
      tailHeld = 0
    },
    kept: () => Buffer.concat([...head, lastBytes(tail, tailBytes)]),
    get totalBytes() {
      return totalBytes
    },
  }
}

function lastBytes(pieces: readonly Uint8Array[], count: number): Uint8Array {
  const joined = Buffer.concat(pieces)
  return Uint8Array.from(joined.subarray(Math.max(0, joined.length - count)))
}
