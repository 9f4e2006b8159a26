import type { Readable } from 'node:stream'
import { DevBotError } from '@devbot/contracts'
import { oneLine } from './engine-error.ts'

/** One line of progress is a few hundred bytes. */
const MAX_LINE_CHARACTERS = 65_536

/** Reads what the engine tells while it pulls; throws `image-pull-refused` when that is an error. */
export async function readPullProgress(progress: Readable, image: string, signal: AbortSignal): Promise<void> {
  const onAbort = () => progress.destroy(signal.reason instanceof Error ? signal.reason : undefined)
  signal.addEventListener('abort', onAbort, { once: true })
  let rest = ''
  try {
    for await (const chunk of progress.setEncoding('utf8')) {
      const lines = (rest + String(chunk)).split('\n')
      rest = (lines.pop() ?? '').slice(0, MAX_LINE_CHARACTERS)
      for (const line of lines) assertNoError(line, image)
    }
    assertNoError(rest, image)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function assertNoError(line: string, image: string): void {
  const said = errorIn(line)
  if (said === undefined) return
  throw new DevBotError({
    category: 'sandbox',
    code: 'image-pull-refused',
    message: `The image ${image} could not be pulled: ${oneLine(said)}`,
  })
}

function errorIn(line: string): string | undefined {
  try {
    const told: unknown = JSON.parse(line)
    return told instanceof Object && 'error' in told ? String(told.error) : undefined
  } catch {
    return undefined // a line that is no JSON tells nothing
  }
}
