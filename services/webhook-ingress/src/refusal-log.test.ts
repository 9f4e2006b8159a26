import { createLogger } from '@devbot/config'
import { describe, expect, it } from 'vitest'
import { createRefusalLog } from './refusal-log.ts'

describe('createRefusalLog', () => {
  it('writes one line in ten seconds, with all numbers since the last', () => {
    const lines: string[] = []
    let nowMs = 0
    const destination = { write: (line: string) => void lines.push(line) }
    const log = createLogger({ service: 'x', level: 'info', secrets: [], destination })
    const note = createRefusalLog(log, () => nowMs)
    for (let index = 0; index < 1000; index += 1) note(401)
    expect(lines).toHaveLength(1)
    nowMs = 10_000
    note(413)
    expect(lines).toHaveLength(2)
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ refusedByStatus: { 401: 999, 413: 1 } })
  })
})
