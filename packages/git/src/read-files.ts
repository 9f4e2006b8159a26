import { DevBotError, type ObjectId } from '@devbot/contracts'
import type { FoundFile } from './repository-store.ts'
import type { Git } from './spawn-git.ts'

type Found = {
  readonly path: string
  readonly kind: FoundFile['kind']
  readonly id: string
  readonly sizeBytes: number
}

/** What lies at some paths of a tree: one process lists them, one hands out the contents of those within `maxBytes`. */
export async function readFiles(
  git: Git,
  treeId: ObjectId,
  paths: readonly string[],
  maxBytes: number,
): Promise<ReadonlyMap<string, FoundFile>> {
  const wanted = new Set(paths.filter((path) => path !== '' && !path.includes('\0')))
  if (wanted.size === 0) return new Map()
  const { stdout } = await git.run(['ls-tree', '-l', '-z', '--full-tree', treeId, '--', ...wanted])
  const found = stdout
    .toString('utf8')
    .split('\0')
    .filter((record) => record !== '')
    .map((record) => parseRecord(record, maxBytes))
    .filter(({ path }) => wanted.has(path))
  const files = found.filter(({ kind }) => kind === 'file')
  const contents = await readBlobs(git, files)
  const fileFor = ({ kind, id, sizeBytes }: Found): FoundFile => {
    if (kind === 'file') return { kind, bytes: contents.get(id) ?? new Uint8Array() }
    return kind === 'too-large' ? { kind, sizeBytes } : { kind }
  }
  return new Map(found.map((one) => [one.path, fileFor(one)]))
}

/** `<mode> <type> <id> <size, padded>\t<path>` */
function parseRecord(record: string, maxBytes: number): Found {
  const tab = record.indexOf('\t')
  const [mode = '', , id = '', size] = record.slice(0, tab).split(/ +/)
  const sizeBytes = Number(size)
  return { path: record.slice(tab + 1), kind: kindOf(mode, sizeBytes <= maxBytes), id, sizeBytes }
}

function kindOf(mode: string, fits: boolean): FoundFile['kind'] {
  if (mode === '120000') return 'link'
  if (mode === '160000') return 'submodule'
  if (mode === '040000') return 'folder'
  return fits ? 'file' : 'too-large'
}

async function readBlobs(git: Git, files: readonly Found[]): Promise<ReadonlyMap<string, Uint8Array>> {
  const sizes = new Map(files.map(({ id, sizeBytes }) => [id, sizeBytes]))
  if (sizes.size === 0) return new Map()
  const { stdout } = await git.run(['cat-file', '--batch'], { stdin: [...sizes.keys(), ''].join('\n') })
  const contents = new Map<string, Uint8Array>()
  let at = 0
  for (const [id, sizeBytes] of sizes) {
    // `<id> blob <size>`, a line end, the bytes, a line end.
    const start = stdout.indexOf(0x0a, at) + 1
    if (!stdout.toString('latin1', at, start).startsWith(`${id} blob ${sizeBytes}\n`)) throw unexpectedAnswer()
    contents.set(id, new Uint8Array(stdout.subarray(start, start + sizeBytes)))
    at = start + sizeBytes + 1
  }
  return contents
}

function unexpectedAnswer(): DevBotError {
  return new DevBotError({
    category: 'transient',
    code: 'git-command-failed',
    message:
      'git cat-file did not hand out what was asked for (the store is a cache: deleting its folder between runs is safe)',
  })
}
