/**
 * The workspace's files as they were at one moment, directories left out. Keys are paths with one character per byte
 * (latin1), because a file name is bytes, not text.
 */
export type WorkspaceListing = ReadonlyMap<string, ListedFile>

export type ListedFile = {
  readonly kind: 'file' | 'link' | 'other'
  readonly bytes: number
  /** Differs whenever the file may have been changed. */
  readonly fingerprint: string
}

/** The paths that differ: `changed` are new or not as they were, `deleted` are gone. */
export function compareListings(before: WorkspaceListing, now: WorkspaceListing) {
  const changed = [...now]
    .filter(([key, file]) => before.get(key)?.fingerprint !== file.fingerprint)
    .map(([key]) => key)
  const deleted = [...before.keys()].filter((key) => !now.has(key))
  return { changed, deleted }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A path or link target as text; `exact` is false when its bytes are no UTF-8 and the text only resembles it. */
export function decodeName(latin1: string): { readonly text: string; readonly exact: boolean } {
  const bytes = Buffer.from(latin1, 'latin1')
  try {
    return { text: decoder.decode(bytes), exact: true }
  } catch {
    // Not UTF-8: shown as well as it can be.
    return { text: bytes.toString('utf8'), exact: false }
  }
}
