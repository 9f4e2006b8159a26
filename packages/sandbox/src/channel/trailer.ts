/** Finds the trailer `NONCE EXIT-CODE\n` in a command's data, wherever the data was cut into frames. */
export type TrailerScanner = {
  /** The output bytes that are certain now, and the exit code once the trailer was seen. What follows it is dropped. */
  push(bytes: Buffer): { readonly output: Buffer; readonly exitCode?: number }
  /** The bytes held back, when no trailer can come any more. */
  rest(): Buffer
}

/** The nonce is chosen by the worker for one call, so that no output contains it by chance. */
export function createTrailerScanner(nonce: string): TrailerScanner {
  // Nonce, space, up to three digits, newline.
  const longest = nonce.length + 5
  let held: Buffer = Buffer.alloc(0)
  return {
    push(bytes) {
      held = held.length === 0 ? bytes : Buffer.concat([held, bytes])
      const trailer = findTrailer(held, nonce)
      if (trailer) {
        const output = held.subarray(0, trailer.start)
        held = Buffer.alloc(0)
        return { output, exitCode: trailer.exitCode }
      }
      const certain = Math.max(0, held.length - longest)
      const output = held.subarray(0, certain)
      held = Buffer.from(held.subarray(certain))
      return { output }
    },
    rest: () => held,
  }
}

function findTrailer(bytes: Buffer, nonce: string): { start: number; exitCode: number } | undefined {
  for (let start = bytes.indexOf(nonce); start >= 0; start = bytes.indexOf(nonce, start + 1)) {
    const from = start + nonce.length
    const match = /^ ([0-9]{1,3})\n/.exec(bytes.toString('latin1', from, from + 5))
    if (match) return { start, exitCode: Number(match[1]) }
  }
  return undefined
}
