import { Readable } from 'node:stream'
import type { SandboxEngine } from './engine.ts'
import { transfer } from './run-process.ts'
import { moveRequests } from './setup/setup-roots.ts'

const TIMEOUT_MS = 600_000

/** Removes paths of the workspace, files or whole folders; a path that is not there is no error. */
export async function removePaths(engine: SandboxEngine, paths: readonly string[]): Promise<void> {
  if (paths.length === 0) return
  const keys = paths.map((path) => Buffer.from(path).toString('latin1'))
  await transfer(engine, {
    argv: ['sh', '-c', REMOVE],
    stdin: Readable.from(moveRequests(keys)),
    timeoutMs: TIMEOUT_MS,
    what: 'removing what the work had removed',
  })
}

/** Reads the lines that `moveRequests` makes. The folder may have gone with another path. */
const REMOVE = `
set -f
while IFS= read -r line; do
  group=$(printf '%bx' "$line")
  group=\${group%x}
  folder=\${group%%//*}
  IFS=/
  # shellcheck disable=SC2086
  set -- \${group#*//}
  unset IFS
  (cd -- "./$folder" 2>/dev/null || exit 0; rm -rf -- "$@") || exit
done`
