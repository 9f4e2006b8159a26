import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { runGit } from './run-git.ts'

/** One commit of a seeded history. */
export type SeedCommit = {
  readonly message: string
  /** Replaces the whole tree by what is in this folder (`.git` and `node_modules` left out). */
  readonly directory?: string | undefined
  /** Changes on top: a path's new text or bytes, or null to delete it. */
  readonly files?: Readonly<Record<string, string | Uint8Array | null>> | undefined
  readonly author?: { readonly name: string; readonly email: string } | undefined
  /** ISO 8601. One minute after the commit before when absent. */
  readonly date?: string | undefined
}

/** The first commit's time when none is given: fixed, so that the same history has the same ids everywhere. */
const FIRST_COMMIT_MS = Date.UTC(2026, 0, 5, 9, 0, 0)
const LEFT_OUT = new Set(['.git', 'node_modules'])

type TreeFile = { readonly path: string; readonly mode: string; readonly bytes: Uint8Array }

/** Writes commits onto a branch of a bare repository. The same input gives the same ids. */
export async function writeHistory(directory: string, branch: string, commits: readonly SeedCommit[]): Promise<void> {
  const stream: Buffer[] = []
  let atMs = FIRST_COMMIT_MS
  for (const [index, commit] of commits.entries()) {
    atMs = commit.date === undefined ? atMs + 60_000 : Date.parse(commit.date)
    stream.push(...(await commitCommands(branch, commit, atMs, index === 0)))
  }
  await runGit(directory, ['fast-import', '--quiet', '--force'], { input: Buffer.concat(stream) })
}

/** Takes all branches and tags of another repository's folder or of a bundle file. */
export async function copyHistory(directory: string, source: string): Promise<void> {
  const refspecs = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*']
  await runGit(directory, ['fetch', '--quiet', '--no-auto-maintenance', '--end-of-options', source, ...refspecs])
}

async function commitCommands(branch: string, commit: SeedCommit, atMs: number, first: boolean): Promise<Buffer[]> {
  const author = commit.author ?? { name: 'Seed', email: 'seed@local-github.invalid' }
  const who = `${author.name} <${author.email}> ${Math.floor(atMs / 1000)} +0000`
  const message = Buffer.from(commit.message.endsWith('\n') ? commit.message : `${commit.message}\n`)
  const commands: Buffer[] = [
    Buffer.from(`${first ? `reset refs/heads/${branch}\n` : ''}commit refs/heads/${branch}\n`),
    Buffer.from(`author ${who}\ncommitter ${who}\ndata ${message.length}\n`),
    message,
  ]
  if (commit.directory !== undefined) {
    commands.push(Buffer.from('deleteall\n'))
    for (const file of await filesOf(commit.directory, '')) commands.push(...putCommand(file))
  }
  for (const [path, content] of Object.entries(commit.files ?? {})) {
    if (content === null) commands.push(Buffer.from(`D ${quoted(path)}\n`))
    else commands.push(...putCommand({ path, mode: '100644', bytes: Buffer.from(content) }))
  }
  return commands
}

function putCommand(file: TreeFile): Buffer[] {
  const header = `M ${file.mode} inline ${quoted(file.path)}\ndata ${file.bytes.length}\n`
  return [Buffer.from(header), Buffer.from(file.bytes), Buffer.from('\n')]
}

function quoted(path: string): string {
  return `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}

async function filesOf(root: string, prefix: string): Promise<readonly TreeFile[]> {
  const files: TreeFile[] = []
  const names = (await readdir(join(root, prefix))).filter((name) => !LEFT_OUT.has(name)).sort()
  for (const name of names) {
    const path = prefix === '' ? name : `${prefix}/${name}`
    const full = join(root, path)
    const facts = await lstat(full)
    if (facts.isDirectory()) files.push(...(await filesOf(root, path)))
    else if (facts.isSymbolicLink()) files.push({ path, mode: '120000', bytes: Buffer.from(await readlink(full)) })
    else if (facts.isFile()) {
      const mode = (facts.mode & 0o111) === 0 ? '100644' : '100755'
      files.push({ path, mode, bytes: await readFile(full) })
    }
  }
  return files
}
