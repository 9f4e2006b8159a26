import { readFileSync } from 'node:fs'

/** The bytes of a recorded output in `fixtures/`. */
export function recorded(name: string): Uint8Array {
  return readFileSync(new URL(`../fixtures/${name}`, import.meta.url))
}
