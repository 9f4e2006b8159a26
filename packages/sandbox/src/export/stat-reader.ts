import { Readable } from 'node:stream'
import { DevBotError } from '@devbot/contracts'
import type { SandboxEngine } from '../engine.ts'
import { transfer } from '../run-process.ts'
import { collectContents } from './collect-contents.ts'
import { createCollector } from './collect-output.ts'
import { assertListable, listingTooLarge, MAX_LISTING_BYTES, SCAN_TIMEOUT_MS } from './limits.ts'
import { readTar } from './read-tar.ts'
import type { ListedFile, WorkspaceListing } from './workspace-listing.ts'
import type { ReadContent, WorkspaceReader } from './workspace-reader.ts'

/**
 * Lists by inode facts: one GNU find, no content read. The change time (nanoseconds) cannot be set by who is not root, so
 * a modification that puts size and modification time back is still seen.
 */
export function createStatReader(engine: SandboxEngine): WorkspaceReader {
  async function read(keys: ReadonlySet<string>, maxBytes: number, alsoFine: readonly number[]) {
    if (keys.size === 0) return { contents: new Map<string, ReadContent>(), exact: true }
    const { contents, take } = collectContents(maxBytes)
    const names = Readable.from([Buffer.from([...keys].map((key) => `./${key}\0`).join(''), 'latin1')])
    const program = { argv: TAR, stdin: names, timeoutMs: SCAN_TIMEOUT_MS, what: 'reading the change', alsoFine }
    const exitCode = await readTar(engine, program, take)
    return { contents, exact: exitCode === 0 }
  }

  return {
    seesEveryWrite: true,

    async list() {
      const output = createCollector(MAX_LISTING_BYTES, listingTooLarge)
      const what = 'listing the workspace'
      await transfer(engine, { argv: FIND, stdout: output.sink, timeoutMs: SCAN_TIMEOUT_MS, what })
      return parseStatListing(output.bytes())
    },

    read: async (keys, maxBytes) => (await read(keys, maxBytes, [])).contents,
    readChanging: (keys, maxBytes) => read(keys, maxBytes, CHANGED_MEANWHILE),
  }
}

/**
 * `chmod` first where the owner has locked a directory or file: what could not be read would be missed. The repository at
 * the root is the agent's own. A directory that stays closed ends find with 1, and so the export; a file that is gone
 * before it could be looked at does not.
 */
const FIND = [
  ...['find', '.', '-ignore_readdir_race', '-mindepth', '1', '-path', './.git', '-prune', '-o'],
  ...['(', '!', '-type', 'd', '-o', '-perm', '-0500', '-o', '-exec', 'chmod', 'u+rwx', '{}', ';', '-o', '-true', ')'],
  ...['(', '!', '-type', 'f', '-o', '-perm', '-0400', '-o', '-exec', 'chmod', 'u+r', '{}', ';', '-o', '-true', ')'],
  ...['!', '-type', 'd', '-printf', '%y %s %n %m %i %T@ %C@ %p\\0'],
] as const satisfies [string, ...string[]]

const TAR = ['tar', '--format=gnu', '--no-recursion', '--null', '-cf', '-', '-T', '-'] as const satisfies [
  string,
  ...string[],
]

/** What tar ends with when files changed while it read them (1), or were gone (2). */
const CHANGED_MEANWHILE = [1, 2]

/** Parses what FIND prints. Exported for its test. */
export function parseStatListing(output: Buffer): WorkspaceListing {
  assertListable(output)
  const listing = new Map<string, ListedFile>()
  const records = output.toString('latin1').split('\0')
  if (records.pop() !== '') throw badListing()
  for (const record of records) {
    const match = /^((.) (\d+) (\d+) [0-7]+ \d+ -?[\d.]+ -?[\d.]+) \.\/(.+)$/s.exec(record)
    const [, fingerprint, type, bytes, links, key] = match ?? []
    if (fingerprint === undefined || key === undefined) throw badListing()
    listing.set(key, { kind: kindOf(type, links), bytes: Number(bytes), fingerprint })
  }
  return listing
}

function kindOf(type: string | undefined, links: string | undefined): ListedFile['kind'] {
  if (type === 'l') return 'link'
  return type === 'f' && links === '1' ? 'file' : 'other'
}

function badListing(): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-transfer-failed',
    message:
      'The listing of the workspace could not be understood; the find program of the sandbox is not the one expected.',
  })
}
