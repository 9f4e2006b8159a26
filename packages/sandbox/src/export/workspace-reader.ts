import type { SandboxEngine } from '../engine.ts'
import { createContentReader } from './content-reader.ts'
import { createStatReader } from './stat-reader.ts'
import type { WorkspaceListing } from './workspace-listing.ts'

/** How the workspace is listed and read from outside, by programs of the image. */
export interface WorkspaceReader {
  list(): Promise<WorkspaceListing>
  /** Files and links by key; a key that is missing in the answer could not be read. `maxBytes` bounds the sum. */
  read(keys: ReadonlySet<string>, maxBytes: number): Promise<ReadonlyMap<string, ReadContent>>
}

export type ReadContent =
  | { readonly kind: 'file'; readonly executable: boolean; readonly bytes: Uint8Array }
  | { readonly kind: 'link'; readonly target: string }

const PROBE = `find . -maxdepth 0 -printf '%C@' >/dev/null 2>&1 &&
  printf './\\0' | tar --format=gnu --no-recursion --null -cf - -T - >/dev/null 2>&1`

/** By the inode's change time where the image's find can print it (GNU), else by reading everything (busybox). */
export async function chooseWorkspaceReader(engine: SandboxEngine): Promise<WorkspaceReader> {
  const process = await engine.start(['sh', '-c', PROBE])
  process.stdout.resume()
  process.stderr.resume()
  process.stdin.on('error', () => undefined) // it ends without reading
  process.stdin.end()
  return (await process.exitCode) === 0 ? createStatReader(engine) : createContentReader(engine)
}
