import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { MAX_PACKED_INVENTORY_CHARACTERS } from '@devbot/contracts'
import type { TestInventory, TestStatus } from './inventory.ts'

/** 20,000 names of 300 characters are less; what unpacks to more was not packed here. */
const MAX_UNPACKED_BYTES = 32 * 1024 ** 2
const LETTERS = { p: 'passed', f: 'failed', s: 'skipped' } as const

/**
 * An inventory as a short text for a record. One that does not fit goes without the names of what passed; undefined when
 * even that is too long.
 */
export function packInventory(inventory: TestInventory): string | undefined {
  const whole = packed(inventory)
  if (whole.length <= MAX_PACKED_INVENTORY_CHARACTERS) return whole
  const tests = new Map([...inventory.tests].filter(([, status]) => status !== 'passed'))
  const part = packed({ ...inventory, tests, complete: false })
  return part.length <= MAX_PACKED_INVENTORY_CHARACTERS ? part : undefined
}

function packed({ tests, ...rest }: TestInventory): string {
  const lines = [JSON.stringify(rest), ...[...tests].map(([name, status]) => `${status.charAt(0)}${name}`)]
  return deflateRawSync(lines.join('\n')).toString('base64')
}

/** The inventory that was packed; undefined for a text that is none. */
export function unpackInventory(text: string): TestInventory | undefined {
  try {
    const bytes = inflateRawSync(Buffer.from(text, 'base64'), { maxOutputLength: MAX_UNPACKED_BYTES })
    const [head = '', ...lines] = bytes.toString('utf8').split('\n')
    const tests = new Map<string, TestStatus>()
    for (const line of lines) {
      const status = statusOf(line.charAt(0))
      if (status !== undefined) tests.set(line.slice(1), status)
    }
    return { ...(JSON.parse(head) as Omit<TestInventory, 'tests'>), tests }
  } catch {
    // Written by another version, or damaged: there is no inventory to compare with.
    return undefined
  }
}

function statusOf(letter: string): TestStatus | undefined {
  return letter === 'p' || letter === 'f' || letter === 's' ? LETTERS[letter] : undefined
}
