import { exitCodeOf, GitFailure, runGit, spawnGit } from './run-git.ts'

export type GitObject = { readonly id: string; readonly type: string; readonly content: Buffer }

/** Every object reachable from `tips` but not from `known`, in git's order: commits first, parents after children. */
export async function* newObjects(
  directory: string,
  tips: readonly string[],
  known: readonly string[],
): AsyncGenerator<GitObject> {
  if (tips.length === 0) return
  const revisions = [...tips, ...known.map((id) => `^${id}`)].join('\n')
  const args = ['rev-list', '--objects', '--no-object-names', '--stdin']
  const { stdout } = await runGit(directory, args, { input: `${revisions}\n` })
  if (stdout.length > 0) yield* readObjects(directory, stdout)
}

async function* readObjects(directory: string, ids: Buffer): AsyncGenerator<GitObject> {
  const args = ['cat-file', '--batch', '--buffer']
  const child = spawnGit(directory, args)
  const exited = exitCodeOf(child)
  child.stderr.resume()
  child.stdin.end(ids)
  const reader = bytesOf(child.stdout)
  for (;;) {
    const header = await reader.line()
    if (header === undefined) break
    const [id, type, size] = header.split(' ')
    if (id === undefined || type === undefined || size === undefined) throw new Error(`cat-file said: ${header}`)
    const content = await reader.take(Number(size))
    await reader.take(1)
    yield { id, type, content }
  }
  const exitCode = await exited
  if (exitCode !== 0) throw new GitFailure(args, exitCode, 'cat-file ended early')
}

/** Reads lines and counted bytes from one stream, joining its chunks only when needed. */
function bytesOf(stream: NodeJS.ReadableStream) {
  const chunks = stream[Symbol.asyncIterator]()
  let pending: Buffer[] = []
  let size = 0
  const fill = async (): Promise<boolean> => {
    const next = await chunks.next()
    if (next.done) return false
    const bytes = Buffer.from(next.value)
    pending.push(bytes)
    size += bytes.length
    return true
  }
  const join = (): Buffer => {
    const joined = pending.length === 1 && pending[0] ? pending[0] : Buffer.concat(pending)
    pending = [joined]
    return joined
  }
  const take = async (count: number): Promise<Buffer> => {
    while (size < count) if (!(await fill())) throw new Error('cat-file ended in the middle of an object')
    const joined = join()
    pending = [joined.subarray(count)]
    size -= count
    return joined.subarray(0, count)
  }
  const line = async (): Promise<string | undefined> => {
    for (;;) {
      const end = join().indexOf(10)
      if (end >= 0) return (await take(end + 1)).subarray(0, end).toString('utf8')
      if (!(await fill())) return undefined
    }
  }
  return { take, line }
}
