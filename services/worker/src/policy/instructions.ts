import { type BaseFiles, foldersOnTheWay, INSTRUCTION_NAMES, pathIn } from './base-files.ts'

/** All instructions together, in characters: about 8,000 tokens. */
const MAX_CHARACTERS = 32_000
/** Other instruction files that are named. */
const MAX_NAMED = 40

/**
 * The instructions of the base branch that hold for the workdir: from the root down, so that the nearest come last; and
 * the names of those that hold elsewhere. Undefined where there is nothing to say.
 */
export function instructionsFor(base: BaseFiles, workdir: string | undefined): string | undefined {
  const onTheWay = foldersOnTheWay(workdir).flatMap((folder) => firstIn(base, folder))
  const elsewhere = namesElsewhere(base, new Set(foldersOnTheWay(workdir)))
  const texts = shownTexts(base, onTheWay)
  const parts = [...texts, ...(elsewhere === undefined ? [] : [elsewhere])]
  return parts.length === 0 ? undefined : parts.join('\n\n')
}

function firstIn(base: BaseFiles, folder: string): readonly string[] {
  const path = INSTRUCTION_NAMES.map((name) => pathIn(folder, name)).find((candidate) => base.files.has(candidate))
  return path === undefined ? [] : [path]
}

/** The nearest file gets its room first; what does not fit is cut with a notice. */
function shownTexts(base: BaseFiles, paths: readonly string[]): readonly string[] {
  let room = MAX_CHARACTERS
  const shown: string[] = []
  for (const path of paths.toReversed()) {
    const text = shownText(base, path, room)
    room = Math.max(0, room - text.length)
    shown.unshift(paths.length === 1 && !path.includes('/') ? text : `# ${path}\n\n${text}`)
  }
  return shown
}

function shownText(base: BaseFiles, path: string, room: number): string {
  const found = base.files.get(path)
  if (found?.kind === 'too-large') return `[${path} has ${found.sizeBytes} bytes and is not shown; read it]`
  if (found?.kind !== 'file') return `[${path} is no regular file and is not shown]`
  const text = Buffer.from(found.bytes).toString('utf8').trim()
  if (text.length <= room) return text
  return `${text.slice(0, room).toWellFormed()}\n[${path} goes on for ${text.length - room} characters; read the rest there]`
}

function namesElsewhere({ paths }: BaseFiles, shownFolders: ReadonlySet<string>): string | undefined {
  const names: readonly string[] = INSTRUCTION_NAMES
  const byFolder = new Map<string, string>()
  for (const path of paths) {
    const slash = path.lastIndexOf('/')
    const folder = slash === -1 ? '' : path.slice(0, slash)
    const name = path.slice(slash + 1)
    if (!names.includes(name) || shownFolders.has(folder)) continue
    if (name === INSTRUCTION_NAMES[0] || !byFolder.has(folder)) byFolder.set(folder, path)
  }
  if (byFolder.size === 0) return undefined
  const listed = [...byFolder.values()].slice(0, MAX_NAMED)
  const more = byFolder.size > listed.length ? [`and ${byFolder.size - listed.length} more`] : []
  return [
    'Further instructions hold in these folders; read them before you change something there:',
    ...listed,
    ...more,
  ].join('\n')
}
