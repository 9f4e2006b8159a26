import { DevBotError, type FileChange } from '@devbot/contracts'

type Lines = Pick<FileChange, 'addedLines' | 'deletedLines'>

const KINDS: Readonly<Record<string, FileChange['kind']>> = {
  A: 'created',
  M: 'modified',
  D: 'deleted',
  R: 'renamed',
  T: 'type-changed',
}

/**
 * Reads `git diff-tree -z --raw --numstat`: first all raw records, then one numstat record for each.
 * Raw: `:<modes> <ids> <letter><score>` NUL path (for a rename: old NUL new). Numstat: `<added> TAB <deleted> TAB path`,
 * for a rename an empty path followed by old NUL new; `-` stands for binary.
 */
export function parseDiffSummary(output: string): readonly FileChange[] {
  const fields = output.split('\0')
  const changes: FileChange[] = []
  const lines = new Map<string, Lines>()
  for (let index = 0; index < fields.length; ) {
    const field = fields[index] ?? ''
    if (field.startsWith(':')) {
      const change = rawChangeFor(field, fields[index + 1], fields[index + 2])
      changes.push(change)
      index += change.kind === 'renamed' ? 3 : 2
    } else if (field === '') {
      index += 1
    } else {
      const [added, deleted, ...path] = field.split('\t')
      const isRename = path.join('\t') === ''
      lines.set((isRename ? fields[index + 2] : path.join('\t')) ?? '', linesFor(added, deleted))
      index += isRename ? 3 : 1
    }
  }
  return changes.map((change) => ({ ...change, ...lines.get(change.path) }))
}

function rawChangeFor(header: string, first: string | undefined, second: string | undefined): FileChange {
  const letter = header.split(' ')[4]?.[0] ?? ''
  const kind = KINDS[letter]
  if (kind === undefined || first === undefined) throw unknownRecord(header)
  if (kind !== 'renamed') return { kind, path: first }
  if (second === undefined) throw unknownRecord(header)
  return { kind, path: second, previousPath: first }
}

function linesFor(added: string | undefined, deleted: string | undefined): Lines {
  return added === '-' ? {} : { addedLines: Number(added), deletedLines: Number(deleted) }
}

function unknownRecord(header: string): DevBotError {
  return new DevBotError({
    category: 'bug',
    code: 'git-diff-unreadable',
    message: `expected a record of git's raw diff format, found ${JSON.stringify(header.slice(0, 200))}`,
  })
}
