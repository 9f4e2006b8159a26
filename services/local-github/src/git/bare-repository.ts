import { existsSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gitText, runGit } from './run-git.ts'

export const ZERO_ID = '0'.repeat(40)

export type RefChange = { readonly ref: string; readonly before: string; readonly after: string }

/** Makes an empty bare repository whose HEAD names the default branch; an existing one keeps its content. */
export async function initBareRepository(directory: string, defaultBranch: string): Promise<void> {
  if (!existsSync(join(directory, 'HEAD'))) {
    await mkdir(directory, { recursive: true })
    await runGit(directory, ['init', '--bare', '--quiet', '--template=', '.'])
  }
  await runGit(directory, ['symbolic-ref', 'HEAD', `refs/heads/${defaultBranch}`])
}

/** Branches and tags, tags peeled to what they mark. Refs that mark no commit are left out. */
export async function readRefs(directory: string): Promise<ReadonlyMap<string, string>> {
  const format = '%(refname)%00%(objecttype)%00%(objectname)%00%(*objecttype)%00%(*objectname)'
  const text = await gitText(directory, ['for-each-ref', `--format=${format}`, 'refs/heads', 'refs/tags'])
  const refs = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [ref, type, id, peeledType, peeledId] = line.split('\0')
    if (ref === undefined || id === undefined || type === undefined) continue
    if (type === 'commit') refs.set(ref, id)
    else if (peeledType === 'commit' && peeledId !== undefined) refs.set(ref, peeledId)
  }
  return refs
}

/** The commit a name stands for, or undefined. Names that look like options are never passed to git. */
export async function resolveCommit(directory: string, name: string): Promise<string | undefined> {
  if (name.startsWith('-') || name === '') return undefined
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`]
  const { exitCode, stdout } = await runGit(directory, args, { accept: [1, 128] })
  const id = stdout.toString('utf8').trim().split('\n').at(-1) ?? ''
  return exitCode === 0 && /^[0-9a-f]{40}$/.test(id) ? id : undefined
}

/** What a branch points at now. */
export function branchHead(directory: string, branch: string): Promise<string | undefined> {
  return resolveCommit(directory, `refs/heads/${branch}`)
}

/** Moves a ref; `undefined` deletes it. */
export async function updateRef(directory: string, ref: string, id: string | undefined): Promise<void> {
  await runGit(directory, id === undefined ? ['update-ref', '-d', ref] : ['update-ref', ref, id])
}

/**
 * The hooks of all repositories. `update` refuses protected branches in GitHub's words; `post-receive` writes down what
 * this very push changed, so that two pushes at once are told apart.
 */
const HOOKS = {
  update: `#!/bin/sh
case " $LOCAL_GITHUB_PROTECTED " in
  *" $1 "*) echo "error: GH006: Protected branch update failed for $1." >&2; exit 1 ;;
esac
`,
  'post-receive': `#!/bin/sh
cat > "$LOCAL_GITHUB_PUSH_FILE"
`,
}

/** Writes the hooks into a folder of their own, executable whatever the way this project was copied. */
export async function installHooks(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  for (const [name, text] of Object.entries(HOOKS)) {
    await writeFile(join(directory, name), text)
    await chmod(join(directory, name), 0o755)
  }
}
