import type { Sandbox } from './sandbox.ts'

/** A commit of 5,000 files takes half a second. */
const TIMEOUT_MS = 60_000

/** Identity, hooks and clean-up of the commit do not depend on the image's configuration. */
const INITIALISE = `
command -v git >/dev/null 2>&1 || exit 0
git init -q . &&
git add -A -f &&
git -c user.name=base -c user.email=base@localhost -c commit.gpgSign=false -c core.hooksPath=/dev/null \\
  -c gc.auto=0 commit -q --allow-empty --no-verify -m 'The tree you started from'`

/**
 * Makes the agent's own repository in the workspace, one commit of the imported tree, so that `git diff` and `git status`
 * work for it. Nothing outside reads it, and it is no part of the change. Best effort: an image without git, or a commit
 * that fails, takes a convenience from the agent and nothing else, so it is no error. True when the repository is there.
 */
export async function initThrowawayRepository(
  sandbox: Pick<Sandbox, 'run'>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<boolean> {
  const result = await sandbox.run(`${INITIALISE} && echo made`, {
    timeoutMs: TIMEOUT_MS,
    maxOutputBytes: 4096,
    ...options,
  })
  return result.exitCode === 0 && Buffer.from(result.output).toString('utf8').endsWith('made\n')
}
