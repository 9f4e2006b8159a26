import type { Readable } from 'node:stream'
import { DevBotError } from '@devbot/contracts'
import type { SandboxEngine } from '../engine.ts'
import { createCollector } from '../export/collect-output.ts'
import { assertListable, listingTooLarge, MAX_LISTING_BYTES } from '../export/limits.ts'
import { transfer } from '../run-process.ts'

/** Unpacking gigabytes on a slow disk. */
const TIMEOUT_MS = 600_000

type NameListInput = {
  readonly script: string
  readonly args: readonly string[]
  /** How many lists the script prints, each with an empty name after it. */
  readonly lists: number
  readonly stdin?: Readable
  readonly what: string
}

/** Runs a script that prints lists of names; they come without their `./` and without the folder itself. */
export async function listNames(engine: SandboxEngine, input: NameListInput): Promise<readonly (readonly string[])[]> {
  const output = createCollector(MAX_LISTING_BYTES, listingTooLarge)
  await transfer(engine, {
    argv: ['sh', '-c', input.script, 'sh', ...input.args],
    ...(input.stdin && { stdin: input.stdin }),
    stdout: output.sink,
    timeoutMs: TIMEOUT_MS,
    what: input.what,
  })
  return splitLists(output.bytes(), input)
}

function splitLists(output: Buffer, { lists, what }: NameListInput): readonly (readonly string[])[] {
  assertListable(output)
  const found: string[][] = [[]]
  for (const name of output.toString('latin1').split('\0')) {
    if (name === '') found.push([])
    else if (name !== '.') found.at(-1)?.push(name.replace(/^\.\//, ''))
  }
  // The last separator and the end of the output begin a list each.
  if (found.length !== lists + 2) throw badLists(what)
  return found.slice(0, lists)
}

function badLists(what: string): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-transfer-failed',
    message: `While ${what} in the sandbox: its find program printed no list of names.`,
  })
}
