import { setTimeout as delay } from 'node:timers/promises'
import { DevBotError } from '@devbot/contracts'
import type { WorkspaceChange } from '../sandbox.ts'
import { type ExportInput, readChange } from './export-change.ts'
import { CLOCK_TICK_MS } from './limits.ts'
import type { WorkspaceListing } from './workspace-listing.ts'
import type { ReadContent, WorkspaceReader } from './workspace-reader.ts'

/** Enough for nearly every change; what is beyond is read again each time. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024
/** Folders that come and go can make one listing fail. */
const MAX_LISTINGS = 3

/** Contents of one workspace by key, each as of a listing. */
export type KeptContents = Map<string, { readonly fingerprint: string; readonly content: ReadContent }>

type RunningInput = Omit<ExportInput, 'reader' | 'vanishedFiles'> & {
  readonly reader: WorkspaceReader
  readonly kept: KeptContents
}

/**
 * What differs from the import while everything in the sandbox goes on. When files changed while they were read, the whole
 * is looked at once more; what changes then is left out, or taken as it was at that moment.
 */
export async function readRunningChange({ reader, kept, ...input }: RunningInput): Promise<WorkspaceChange> {
  const careful = createKeepingReader(reader, kept)
  const first = await readChange({ ...input, reader: careful, vanishedFiles: 'leave-out' })
  const change = careful.wasExact()
    ? first
    : await readChange({ ...input, reader: careful, vanishedFiles: 'leave-out' })
  careful.forgetOld()
  return change
}

function createKeepingReader(reader: WorkspaceReader, kept: KeptContents) {
  let now: WorkspaceListing = new Map()
  let exact = true
  const used = new Set<string>()

  function keep(contents: ReadonlyMap<string, ReadContent>): void {
    for (const [key, content] of contents) {
      const fingerprint = now.get(key)?.fingerprint
      if (fingerprint !== undefined) kept.set(key, { fingerprint, content })
    }
  }

  return {
    wasExact: () => exact,

    async list(): Promise<WorkspaceListing> {
      exact = true
      now = await listPatiently(reader)
      return now
    },

    async read(keys: ReadonlySet<string>, maxBytes: number): Promise<ReadonlyMap<string, ReadContent>> {
      const contents = new Map<string, ReadContent>()
      for (const key of keys) {
        used.add(key)
        const known = kept.get(key)
        if (known !== undefined && known.fingerprint === now.get(key)?.fingerprint) contents.set(key, known.content)
      }
      const unread = new Set([...keys].filter((key) => !contents.has(key)))
      if (unread.size === 0) return contents
      // Whatever is written from here on has a later time than the one listed, so that the next listing shows it.
      await delay(CLOCK_TICK_MS)
      const read = await reader.readChanging(unread, maxBytes)
      exact &&= read.exact && [...unread].every((key) => read.contents.has(key))
      if (reader.seesEveryWrite) keep(read.contents)
      return new Map([...contents, ...read.contents])
    },

    forgetOld(): void {
      let bytes = 0
      for (const [key, { content }] of kept) {
        bytes += content.kind === 'file' ? content.bytes.length : 0
        if (!used.has(key) || bytes > MAX_KEPT_BYTES) kept.delete(key)
      }
    },
  }
}

async function listPatiently(reader: WorkspaceReader): Promise<WorkspaceListing> {
  for (let listing = 1; ; listing += 1) {
    try {
      return await reader.list()
    } catch (error) {
      const mayPass = error instanceof DevBotError && error.code === 'sandbox-transfer-failed'
      if (!mayPass || listing === MAX_LISTINGS) throw error
    }
  }
}
