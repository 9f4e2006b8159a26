import { DevBotError } from '@devbot/contracts'
import type { ExportedEntry, ExportLimits, WorkspaceChange } from '../sandbox.ts'
import { changeTooLarge } from './limits.ts'
import { compareListings, decodeName, type WorkspaceListing } from './workspace-listing.ts'
import type { ReadContent, WorkspaceReader } from './workspace-reader.ts'

export type ExportInput = {
  readonly reader: Pick<WorkspaceReader, 'list' | 'read'>
  readonly imported: WorkspaceListing
  /** Keys that came into being during setup; they are not read out. */
  readonly setupKeys: ReadonlySet<string>
  readonly limits: ExportLimits
  /** What becomes of a file that was listed and could not be read; an error when absent. */
  readonly vanishedFiles?: 'leave-out'
}

/** What differs from the import, as bytes. Expects that nothing runs in the sandbox, or that `reader` copes with it. */
export async function readChange(input: ExportInput): Promise<WorkspaceChange> {
  const { reader, imported, setupKeys, limits } = input
  const now = await reader.list()
  const { changed, deleted } = compareListings(imported, now)
  const candidates = await wantedKeys(
    reader,
    now,
    changed.filter((key) => !setupKeys.has(key)),
    limits,
  )
  assertWithin(limits, now, candidates, deleted)
  const readable = candidates.filter((key) => isReadable(now, key))
  const contents = await reader.read(new Set(readable), limits.maxBytes)
  const present =
    input.vanishedFiles === 'leave-out'
      ? candidates.filter((key) => contents.has(key) || !isReadable(now, key))
      : candidates
  const { names, unnamed } = exactNames(deleted)
  return {
    entries: [...present.map((key) => entryFor(key, now, contents)), ...unnamed],
    deletedPaths: names,
    setupPaths: new Set([...setupKeys].map((key) => decodeName(key).text)),
  }
}

/** `.gitignore` files are small; one of a megabyte is no honest one, and is left to the limits of the change. */
const MAX_IGNORE_FILES_BYTES = 1024 * 1024

/** Asks which of the paths are wanted, when the caller has an opinion; it gets the `.gitignore` files that differ. */
async function wantedKeys(
  reader: Pick<WorkspaceReader, 'read'>,
  now: WorkspaceListing,
  keys: readonly string[],
  limits: ExportLimits,
): Promise<readonly string[]> {
  if (!limits.want) return keys
  let left = MAX_IGNORE_FILES_BYTES
  const ignoreFiles = keys.filter((key) => {
    const file = now.get(key)
    if (!/(^|\/)\.gitignore$/.test(key) || file?.kind !== 'file' || file.bytes > left) return false
    left -= file.bytes
    return true
  })
  const contents = await reader.read(new Set(ignoreFiles), MAX_IGNORE_FILES_BYTES)
  const files = new Map<string, Uint8Array>()
  for (const [key, content] of contents) {
    if (content.kind === 'file') files.set(decodeName(key).text, content.bytes)
  }
  const wanted = limits.want(
    keys.map((key) => decodeName(key).text),
    files,
  )
  return keys.filter((key) => wanted.has(decodeName(key).text))
}

function assertWithin(
  limits: ExportLimits,
  now: WorkspaceListing,
  changed: readonly string[],
  deleted: readonly string[],
): void {
  const files = changed.length + deleted.length
  const bytes = changed.reduce((sum, key) => sum + (isReadable(now, key) ? (now.get(key)?.bytes ?? 0) : 0), 0)
  if (files <= limits.maxFiles && bytes <= limits.maxBytes) return
  throw changeTooLarge(
    `The change has ${files} files with ${bytes} bytes; at most ${limits.maxFiles} files with ${limits.maxBytes} bytes can be taken over.`,
    { files, bytes, maxFiles: limits.maxFiles, maxBytes: limits.maxBytes },
  )
}

function isReadable(now: WorkspaceListing, key: string): boolean {
  return now.get(key)?.kind !== 'other' && decodeName(key).exact
}

/** A name that is no UTF-8 cannot be a path of a tree as DevBot writes them: it is told as something else, never dropped. */
function entryFor(key: string, now: WorkspaceListing, contents: ReadonlyMap<string, ReadContent>): ExportedEntry {
  const path = decodeName(key).text
  if (!isReadable(now, key)) return { kind: 'other', path }
  const content = contents.get(key)
  if (!content) throw vanished(path)
  if (content.kind === 'file') return { path, ...content }
  const target = decodeName(content.target)
  return target.exact ? { kind: 'link', path, target: target.text } : { kind: 'other', path }
}

function exactNames(keys: readonly string[]) {
  const decoded = keys.map(decodeName)
  return {
    names: decoded.filter((name) => name.exact).map((name) => name.text),
    unnamed: decoded.filter((name) => !name.exact).map((name): ExportedEntry => ({ kind: 'other', path: name.text })),
  }
}

function vanished(path: string): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-transfer-failed',
    message: `${JSON.stringify(path)} was listed but could not be read: something still runs in the sandbox.`,
  })
}
