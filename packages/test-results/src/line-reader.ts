import type { TestInventory } from './inventory.ts'

/** Reads one runner's output line by line. */
export type LineReader = {
  line(text: string): void
  /** Undefined when this was not the runner's output. */
  finish(): TestInventory | undefined
}

/** Cuts ` (1.2ms)`, ` 12ms`, ` (5 ms)` from the end of a test's line. */
export function withoutDuration(text: string): string {
  return text.replace(/ \(?\d{1,12}(?:\.\d{1,12})? ?(?:ms|s|m)\)?$/, '')
}

export function indentOf(text: string): number {
  return text.length - text.trimStart().length
}

/** `3 failed`, `12 passed`, ... as numbers by word. */
export function countsByWord(parts: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    parts.flatMap((part) => {
      const found = /^\s*(\d{1,9}) ([a-z]+)\s*$/.exec(part)
      return found?.[1] === undefined || found[2] === undefined ? [] : [[found[2], Number(found[1])] as const]
    }),
  )
}

/** More than is kept of a test's name. */
const MAX_PATH_CHARACTERS = 1_200

/** Files, suites and test as one name; what lies too deep to be kept is not put together first. */
export function pathOf(parts: readonly (string | undefined)[]): string {
  let path = parts[0] ?? ''
  for (let index = 1; index < parts.length && path.length < MAX_PATH_CHARACTERS; index += 1)
    path += ` > ${parts[index] ?? ''}`
  return path
}
