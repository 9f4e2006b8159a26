import { dirname } from 'node:path'
import { Readable, Transform, type Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { DevBotError } from '@devbot/contracts'
import type { SandboxEngine } from '../engine.ts'
import type { WorkspaceListing } from '../export/workspace-listing.ts'
import { type TransferInput, transfer } from '../run-process.ts'
import { listNames } from './name-lists.ts'
import { freeRoots, MOVE_ROOTS, moveRequests, occupiedBy } from './setup-roots.ts'

/** An installed dependency tree of a gigabyte is written in seconds; this is for a slow disk at the other end. */
const CAPTURE_TIMEOUT_MS = 600_000

export type CaptureInput = {
  readonly imported: WorkspaceListing
  readonly setupKeys: ReadonlySet<string>
  readonly sink: Writable
  readonly maxBytes: number
}

/**
 * Writes what setup added as one archive with two folders: `setup` (from the workspace) and `home`. So that any tar makes
 * it, and names may be anything, what is new in the workspace is moved aside as a whole, archived, and moved back. Expects
 * that nothing runs in the sandbox. When it fails, the sandbox is as before, or the error is `setup-lost`.
 */
export async function captureSetup(engine: SandboxEngine, input: CaptureInput): Promise<void> {
  const root = dirname(engine.workspace)
  const [emptyFolders] = await listNames(engine, {
    script: PREPARE,
    args: [root],
    lists: 1,
    what: 'looking at the setup',
  })
  const { imported, setupKeys } = input
  const roots = freeRoots([...setupKeys, ...(emptyFolders ?? [])], occupiedBy(imported.keys()))
  const move = (from: string, to: string, after: string) => ({
    argv: ['sh', '-c', `${MOVE_ROOTS}\n${after}`, 'sh', root, `${root}/${from}`, `${root}/${to}`] as const,
    stdin: Readable.from(moveRequests(roots)),
    timeoutMs: CAPTURE_TIMEOUT_MS,
  })
  try {
    await archive({ ...move('workspace', 'setup', ARCHIVE), what: 'capturing the setup' })
  } finally {
    await putBack({ ...move('setup', 'workspace', REMOVE), what: 'putting the captured setup back' })
  }
  // Only now: what was cut must not look like a whole.
  input.sink.end()
  await finished(input.sink, { readable: false })

  async function archive(fixed: TransferInput): Promise<void> {
    const capped = capAt(input.maxBytes)
    const written = pipeline(capped, input.sink, { end: false })
    const made = transfer(engine, { ...fixed, stdout: capped }).catch((error: unknown) => {
      capped.destroy(asError(error))
      throw error
    })
    const failures = (await Promise.allSettled([written, made])).filter((end) => end.status === 'rejected')
    if (failures[0]) {
      input.sink.destroy()
      throw failures[0].reason
    }
  }

  async function putBack(fixed: TransferInput): Promise<void> {
    try {
      await transfer(engine, fixed)
    } catch (error) {
      throw new DevBotError({
        category: 'sandbox',
        code: SETUP_LOST,
        message: 'What the setup command made was moved aside to be captured and could not be moved back.',
        cause: error,
      })
    }
  }
}

/** The code of the error after which the workspace lacks what setup made: the sandbox is of no use any more. */
export const SETUP_LOST = 'setup-lost'

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

/**
 * Opens what its owner has locked: a locked folder can be neither moved nor read. Sockets lead nowhere now and fit into no
 * archive. A find that knows no -empty costs the empty folders.
 */
const PREPARE = `
cd "$1" || exit
for top in home workspace; do
  find "$top" -path workspace/.git -prune -o -type d ! -perm -0700 -exec chmod u+rwx {} \\; || exit
  find "$top" -path workspace/.git -prune -o -type f ! -perm -0400 -exec chmod u+r {} \\; || exit
  find "$top" -path workspace/.git -prune -o -type s -exec rm -f -- {} \\; || exit
done
cd workspace || exit
find . -path ./.git -prune -o -type d -empty -print0 2>/dev/null
printf '\\0'`

/** GNU's format, because every tar reads its long names. */
const ARCHIVE = `
rm -rf "$1/setup" && mkdir "$1/setup" && move_roots "$2" "$3" && cd "$1" || exit
if tar --format=gnu -cf /dev/null --files-from /dev/null 2>/dev/null; then exec tar --format=gnu -cf - setup home; fi
exec tar -cf - setup home`

const REMOVE = `
[ -d "$2" ] || exit 0
move_roots "$2" "$3" && cd "$1" && rm -rf setup`

/** Passes bytes on until there are too many. */
function capAt(maxBytes: number): Transform {
  let bytes = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      if (bytes > maxBytes) done(setupTooLarge(maxBytes))
      else done(null, chunk)
    },
  })
}

function setupTooLarge(maxBytes: number): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'setup-too-large',
    message: `What the setup command made is more than the ${maxBytes} bytes that are kept; it has to run in every sandbox.`,
    details: { maxBytes },
  })
}
