import type { TestInventory } from './inventory.ts'
import type { LineReader } from './line-reader.ts'
import { outputLines } from './output-lines.ts'
import { createCargoReader } from './runners/cargo.ts'
import { createGoJsonReader, createGoReader } from './runners/go.ts'
import { createJestReader } from './runners/jest.ts'
import { createNodeSpecReader } from './runners/node-spec.ts'
import { createPytestReader } from './runners/pytest.ts'
import { createTapReader } from './runners/tap.ts'
import { createVitestReader } from './runners/vitest.ts'

const READERS: readonly (() => LineReader)[] = [
  createNodeSpecReader,
  createTapReader,
  createVitestReader,
  createJestReader,
  createPytestReader,
  createGoReader,
  createGoJsonReader,
  createCargoReader,
]

/**
 * The tests in what a test command printed (stdout and stderr together); undefined when no runner is recognised by its
 * own summary. Where several ran, the one with the most tests is told of. Any bytes will do: it never throws.
 */
export function readInventory(output: Uint8Array): TestInventory | undefined {
  const readers = READERS.map((create) => create())
  for (const line of outputLines(output)) for (const reader of readers) reader.line(line)
  return readers
    .map((reader) => reader.finish())
    .filter((inventory) => inventory !== undefined)
    .reduce<TestInventory | undefined>(
      (best, next) => (best === undefined || sizeOf(next) > sizeOf(best) ? next : best),
      undefined,
    )
}

function sizeOf({ counts, tests }: TestInventory): number {
  return Math.max(tests.size, counts.passed + counts.failed + counts.skipped)
}
