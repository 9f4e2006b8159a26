import { renderPrompt } from '../render-prompt.ts'
import { fenceText } from '../untrusted-text.ts'

/** Changed files that are named; beyond that they are counted. */
const MAX_FILES = 500

export type RecordedTurns = {
  /** What arrived while the agent worked, as it came. */
  readonly notes: readonly string[]
  readonly files: readonly string[]
  readonly record: readonly string[]
  /** The newest turn that is only in the record; 0 when none is. */
  readonly lastTurn: number
  readonly stubbedTurns: number
  readonly delimiter: string
}

/** What stands behind the first message once turns have left the conversation. */
export function compactedText(turns: RecordedTurns): string {
  const { notes, files, record, lastTurn, stubbedTurns, delimiter } = turns
  const fence = (label: string, lines: readonly string[]) => {
    const text = lines.join('\n')
    return lines.length === 0 ? undefined : fenceText({ label, text, delimiter, maxCharacters: text.length })
  }
  const left = [
    ...(lastTurn > 0 ? [`Turns 1 to ${lastTurn} are no longer in it, only a record of them.`] : []),
    ...(stubbedTurns > 0 ? [`Of the results of its ${stubbedTurns} oldest turns only one line each is left.`] : []),
  ]
  return renderPrompt('compacted', {
    what: left.join(' '),
    notes: notes.join('\n\n'),
    files: fence('untrusted list of files', namedFiles(files)),
    record: fence('untrusted record of your own turns', record),
  })
}

function namedFiles(files: readonly string[]): readonly string[] {
  const sorted = [...files].sort()
  if (sorted.length <= MAX_FILES) return sorted
  return [...sorted.slice(0, MAX_FILES), `and ${sorted.length - MAX_FILES} more`]
}
