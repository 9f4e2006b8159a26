import { DevBotError } from '@devbot/contracts'
import { withDeadline } from '../deadline.ts'
import type { SandboxEngine } from '../engine.ts'
import { createContentReader } from './content-reader.ts'
import { createStatReader } from './stat-reader.ts'
import type { WorkspaceListing } from './workspace-listing.ts'

/** How the workspace is listed and read from outside, by programs of the image. */
export interface WorkspaceReader {
  list(): Promise<WorkspaceListing>
  /** Files and links by key; a key that is missing in the answer could not be read. `maxBytes` bounds the sum. */
  read(keys: ReadonlySet<string>, maxBytes: number): Promise<ReadonlyMap<string, ReadContent>>
  /** The same of files that may change or go meanwhile. `exact`: none of those asked for did. */
  readChanging(
    keys: ReadonlySet<string>,
    maxBytes: number,
  ): Promise<{ readonly contents: ReadonlyMap<string, ReadContent>; readonly exact: boolean }>
  /** Whether equal fingerprints of two listings mean that the file was not written to in between. */
  readonly seesEveryWrite: boolean
}

export type ReadContent =
  | { readonly kind: 'file'; readonly executable: boolean; readonly bytes: Uint8Array }
  | { readonly kind: 'link'; readonly target: string }

const PROBE = `find . -maxdepth 0 -printf '%C@' >/dev/null 2>&1 &&
  printf './\\0' | tar --format=gnu --no-recursion --null -cf - -T - >/dev/null 2>&1`

/** It takes some milliseconds; a minute is an engine or a machine that does not work. */
const PROBE_TIMEOUT_MS = 60_000

function probeTooSlow(): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-transfer-failed',
    message: `The programs of the sandbox could not be looked at within ${PROBE_TIMEOUT_MS} ms.`,
  })
}

/** By the inode's change time where the image's find can print it (GNU), else by reading everything (busybox). */
export async function chooseWorkspaceReader(engine: SandboxEngine): Promise<WorkspaceReader> {
  const process = await engine.start(['sh', '-c', PROBE])
  process.stdout.resume()
  process.stderr.resume()
  process.stdin.on('error', () => undefined) // it ends without reading
  process.stdin.end()
  const exitCode = await withDeadline(process.exitCode, PROBE_TIMEOUT_MS, probeTooSlow)
  return exitCode === 0 ? createStatReader(engine) : createContentReader(engine)
}
