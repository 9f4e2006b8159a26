import { Writable } from 'node:stream'
import type { DevBotError } from '@devbot/contracts'

/** A stream that keeps what is written to it, at most `maxBytes`; beyond, it fails with the error of `tooMuch`. */
export function createCollector(maxBytes: number, tooMuch: () => DevBotError): { sink: Writable; bytes(): Buffer } {
  const pieces: Buffer[] = []
  let held = 0
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      held += chunk.length
      if (held > maxBytes) return done(tooMuch())
      pieces.push(chunk)
      done()
    },
  })
  return { sink, bytes: () => Buffer.concat(pieces) }
}
