import type { Workspace } from '../ports.ts'

/** Asks the workspace's own git. In a group of its own, so that the shell's directory stays as it is. */
const COMMAND =
  '(cd "$(git rev-parse --show-toplevel)" && git -c core.quotePath=false status --porcelain --untracked-files=all) 2>/dev/null'
const TIMEOUT_MS = 10_000
const MAX_BYTES = 64 * 1024

/**
 * Files that differ from the last commit in the workspace, as far as its git tells: what shell commands changed, which no
 * tool call names. For the agent's eyes only, it may be wrong: the sandbox answers for itself. Empty where it does not
 * answer.
 */
export async function listChangedFiles(workspace: Workspace, signal: AbortSignal): Promise<readonly string[]> {
  const result = await workspace.exec(COMMAND, { timeoutMs: TIMEOUT_MS, maxOutputBytes: MAX_BYTES, signal })
  if (result.exitCode !== 0 || result.totalOutputBytes > result.output.byteLength) return []
  const lines = Buffer.from(result.output).toString('utf8').split('\n')
  // "XY path", or "XY before -> after".
  return lines
    .filter((line) => line.length > 3)
    .map((line) =>
      line
        .slice(3)
        .replace(/^.* -> /, '')
        .replace(/^"(.*)"$/, '$1'),
    )
}
