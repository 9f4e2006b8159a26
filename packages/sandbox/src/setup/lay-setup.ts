import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import type { SandboxEngine } from '../engine.ts'
import type { WorkspaceListing } from '../export/workspace-listing.ts'
import { transfer } from '../run-process.ts'
import { listNames } from './name-lists.ts'
import { freeRoots, MOVE_ROOTS, moveRequests, occupiedBy } from './setup-roots.ts'

const LAY_TIMEOUT_MS = 600_000

/** A captured setup that is unpacked beside the workspace and waits for the tree. */
export type UnpackedSetup = {
  /** Moves it to where the imported tree has left room. Nothing of the tree is touched. */
  lay(imported: WorkspaceListing): Promise<void>
}

/**
 * Unpacks a capture into a folder of its own and fills home from it. Never straight into the workspace: there a tar would
 * write through links and over files of the tree, each tar in its own way.
 */
export async function unpackSetup(engine: SandboxEngine, tar: Readable): Promise<UnpackedSetup> {
  const root = dirname(engine.workspace)
  const [homeFiles, homeFolders, newInHome, newInWorkspace] = await listNames(engine, {
    script: UNPACK,
    args: [root],
    lists: 4,
    stdin: tar,
    what: 'unpacking the captured setup',
  })
  await move('home', 'home', freeRoots(newInHome ?? [], occupiedBy(homeFiles ?? [], homeFolders)), '')
  return {
    lay: (imported) =>
      move('setup', 'workspace', freeRoots(newInWorkspace ?? [], occupiedBy(imported.keys())), 'rm -rf "$1"'),
  }

  async function move(from: string, to: string, roots: readonly string[], after: string): Promise<void> {
    const script = `${MOVE_ROOTS}\nmove_roots "$2" "$3" && cd / || exit\n${after}`
    const incoming = `${root}/incoming`
    await transfer(engine, {
      argv: ['sh', '-c', script, 'sh', incoming, `${incoming}/${from}`, `${root}/${to}`],
      stdin: Readable.from(moveRequests(roots)),
      timeoutMs: LAY_TIMEOUT_MS,
      what: 'laying the captured setup',
    })
  }
}

/** Times are kept, unlike a tree's: what compares a file's age with its source's (make, Python) must find it as it was. */
const UNPACK = `
cd "$1" && rm -rf incoming && mkdir -p incoming/home incoming/setup || exit
tar -C incoming -xof - || exit
cat >/dev/null
find incoming -type d ! -perm -0700 -exec chmod u+rwx {} \\; || exit
cd home && find . ! -type d -print0 && printf '\\0' && find . -type d -print0 && printf '\\0' || exit
for folder in ../incoming/home ../setup; do
  cd "$folder" && find . ! -type d -print0 || exit
  find . -type d -empty -print0 2>/dev/null
  printf '\\0'
done`
