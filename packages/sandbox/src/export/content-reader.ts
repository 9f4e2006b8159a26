import { createHash } from 'node:crypto'
import type { SandboxEngine } from '../engine.ts'
import { transfer } from '../run-process.ts'
import { collectContents } from './collect-contents.ts'
import { createCollector } from './collect-output.ts'
import { assertListable, listingTooLarge, MAX_LISTING_BYTES, SCAN_TIMEOUT_MS } from './limits.ts'
import { readTar } from './read-tar.ts'
import type { ListedFile } from './workspace-listing.ts'
import type { ReadContent, WorkspaceReader } from './workspace-reader.ts'

/** A busybox find prints no change time, and a modification time can be set back: here every byte is read and hashed. */
export function createContentReader(engine: SandboxEngine): WorkspaceReader {
  async function read(keys: ReadonlySet<string>, maxBytes: number, alsoFine: readonly number[]) {
    if (keys.size === 0) return { contents: new Map<string, ReadContent>(), exact: true }
    const { contents, take } = collectContents(maxBytes)
    const exitCode = await readWorkspace(engine, alsoFine, async (entry) => {
      if (keys.has(entry.key)) await take(entry)
    })
    return { contents, exact: exitCode === 0 }
  }

  return {
    // It may have been changed and put back; and reading some files costs as much as reading them all.
    seesEveryWrite: false,

    async list() {
      const listing = await listNames(engine)
      await readWorkspace(engine, [], async (entry) => {
        if (listing.get(entry.key)?.kind === 'link') {
          listing.set(entry.key, { kind: 'link', bytes: 0, fingerprint: `link ${entry.target}` })
        } else if (listing.get(entry.key)?.kind === 'file') {
          const hash = createHash('sha256')
          for await (const piece of entry.body) hash.update(piece)
          const fingerprint = `file ${entry.executable} ${hash.digest('hex')}`
          listing.set(entry.key, { kind: 'file', bytes: entry.size, fingerprint })
        }
      })
      return listing
    },

    read: async (keys, maxBytes) => (await read(keys, maxBytes, [])).contents,
    readChanging: (keys, maxBytes) => read(keys, maxBytes, CHANGED_MEANWHILE),
  }
}

function readWorkspace(
  engine: SandboxEngine,
  alsoFine: readonly number[],
  visit: Parameters<typeof readTar>[2],
): Promise<number> {
  const argv = ['tar', '-cf', '-', '.'] as const
  return readTar(engine, { argv, timeoutMs: SCAN_TIMEOUT_MS, what: 'reading the workspace', alsoFine }, visit)
}

/** What a tar ends with when files were gone or changed while it read them. */
const CHANGED_MEANWHILE = [1, 2]

/** Three lists of names, an empty name after each: files with one link, links, the rest. Unlocks what its owner locked. */
const FIND_NAMES = `
find . -path ./.git -prune -o -type d ! -perm -0500 -exec chmod u+rwx {} \\; || exit 1
find . -path ./.git -prune -o -type f ! -perm -0400 -exec chmod u+r {} \\; || exit 1
find . -path ./.git -prune -o -type f -links 1 -print0 || exit 1
printf '\\0'
find . -path ./.git -prune -o -type l -print0 || exit 1
printf '\\0'
find . -path ./.git -prune -o ! -type d ! -type l ! '(' -type f -links 1 ')' -print0 || exit 1
printf '\\0'`

async function listNames(engine: SandboxEngine): Promise<Map<string, ListedFile>> {
  const output = createCollector(MAX_LISTING_BYTES, listingTooLarge)
  const argv = ['sh', '-c', FIND_NAMES] as const
  await transfer(engine, { argv, stdout: output.sink, timeoutMs: SCAN_TIMEOUT_MS, what: 'listing the workspace' })
  return parseNames(output.bytes())
}

function parseNames(output: Buffer): Map<string, ListedFile> {
  assertListable(output)
  const listing = new Map<string, ListedFile>()
  const kinds: ListedFile['kind'][] = ['file', 'link', 'other']
  let kind = kinds.shift()
  for (const name of output.toString('latin1').split('\0')) {
    if (name === '') kind = kinds.shift()
    else if (kind) listing.set(name.replace(/^\.\//, ''), { kind, bytes: 0, fingerprint: kind })
  }
  return listing
}
