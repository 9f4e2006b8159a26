export type RawTreeEntry = {
  readonly mode: string
  readonly name: string
  readonly id: string
  readonly type: 'blob' | 'tree' | 'commit'
}

/** The entries of a tree object. Modes come as GitHub writes them, six digits. */
export function parseTree(content: Buffer): readonly RawTreeEntry[] {
  const entries: RawTreeEntry[] = []
  let at = 0
  while (at < content.length) {
    const space = content.indexOf(32, at)
    const end = content.indexOf(0, space)
    const mode = content.subarray(at, space).toString('ascii').padStart(6, '0')
    const name = content.subarray(space + 1, end).toString('utf8')
    const id = content.subarray(end + 1, end + 21).toString('hex')
    entries.push({ mode, name, id, type: mode === '040000' ? 'tree' : mode === '160000' ? 'commit' : 'blob' })
    at = end + 21
  }
  return entries
}

type Signature = { readonly name: string; readonly email: string; readonly date: string }
export type RawCommit = {
  readonly tree: string
  readonly parents: readonly string[]
  readonly author: Signature
  readonly committer: Signature
  readonly message: string
}

/** A commit object's facts. Headers that nobody here needs (signatures, encodings) are left out. */
export function parseCommit(content: Buffer): RawCommit {
  const text = content.toString('utf8')
  const split = text.indexOf('\n\n')
  const headers = text.slice(0, split).split('\n')
  const values = (key: string) =>
    headers.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1))
  return {
    tree: values('tree')[0] ?? '',
    parents: values('parent'),
    author: parseSignature(values('author')[0] ?? ''),
    committer: parseSignature(values('committer')[0] ?? ''),
    message: text.slice(split + 2),
  }
}

function parseSignature(line: string): Signature {
  const match = /^(.*?) ?<([^>]*)> (-?\d+) ([+-]\d{4})$/.exec(line)
  if (match === null) return { name: line, email: '', date: new Date(0).toISOString() }
  const [, name = '', email = '', seconds = '0', zone = '+0000'] = match
  return { name, email, date: zonedDate(Number(seconds), zone) }
}

/** ISO 8601 in the commit's own time zone, because the zone is part of a commit's id. */
function zonedDate(seconds: number, zone: string): string {
  const sign = zone.startsWith('-') ? -1 : 1
  const offsetSeconds = sign * (Number(zone.slice(1, 3)) * 3600 + Number(zone.slice(3, 5)) * 60)
  const local = new Date((seconds + offsetSeconds) * 1000).toISOString().slice(0, 19)
  return `${local}${zone.slice(0, 3)}:${zone.slice(3)}`
}
