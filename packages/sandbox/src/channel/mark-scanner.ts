/** Finds the nonce that ends a command's output, wherever the data was cut into frames. */
export type MarkScanner = {
  /** The output bytes that are certain now, and whether the nonce was seen. What follows it is dropped. */
  push(bytes: Buffer): { readonly output: Buffer; readonly found: boolean }
  /** Gives up the bytes held back, when no nonce can come any more, or none that begins in them. */
  rest(): Buffer
}

/** The nonce is chosen by the worker for one call, so that no output contains it by chance. */
export function createMarkScanner(nonce: string): MarkScanner {
  let held: Buffer = Buffer.alloc(0)
  return {
    push(bytes) {
      const all = held.length === 0 ? bytes : Buffer.concat([held, bytes])
      const start = all.indexOf(nonce)
      const certain = start >= 0 ? start : Math.max(0, all.length - (nonce.length - 1))
      // A copy: the chunk it came in is large.
      held = start >= 0 ? Buffer.alloc(0) : Buffer.from(all.subarray(certain))
      return { output: all.subarray(0, certain), found: start >= 0 }
    },
    rest() {
      const given = held
      held = Buffer.alloc(0)
      return given
    },
  }
}
