import { changeTooLarge } from './limits.ts'
import { bodyBytes, type TarEntry } from './read-tar.ts'
import type { ReadContent } from './workspace-reader.ts'

/** Takes files and links out of a tar stream, up to `maxBytes` together; beyond it throws `invalid-input`, `change-too-large`. */
export function collectContents(maxBytes: number) {
  const contents = new Map<string, ReadContent>()
  let left = maxBytes
  return {
    contents,
    async take(entry: TarEntry): Promise<void> {
      if (entry.kind === 'link') contents.set(entry.key, { kind: 'link', target: entry.target })
      if (entry.kind !== 'file') return
      const bytes = await bodyBytes(entry, left, () => changeTooLarge(`The change has more than ${maxBytes} bytes.`))
      left -= bytes.length
      contents.set(entry.key, { kind: 'file', executable: entry.executable, bytes })
    },
  }
}
