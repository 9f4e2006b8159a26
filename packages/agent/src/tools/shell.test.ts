import { describe, expect, it } from 'vitest'
import { createJobTable } from './job-table.ts'
import { createShellTool, shellOutcome, shownOutput } from './shell.ts'

const result = (text: string, more: object = {}) => {
  const output = new TextEncoder().encode(text)
  return {
    exitCode: 0,
    timedOut: false,
    aborted: false,
    durationMs: 1,
    output,
    totalOutputBytes: output.byteLength,
    ...more,
  }
}

describe('shellOutcome', () => {
  it('shows output and exit code, also of a failing command', () => {
    expect(shellOutcome(result('1 failing\n\n', { exitCode: 1 }), 120)).toEqual({
      kind: 'ok',
      text: '1 failing\n[exit code 1]',
    })
    expect(shellOutcome(result(''), 120)).toEqual({ kind: 'ok', text: '[exit code 0]' })
  })

  it('says that a command was ended for time, with what it showed until then', () => {
    const { kind, text } = shellOutcome(result('working', { exitCode: undefined, timedOut: true }), 120)
    expect(kind).toBe('error')
    expect(text).toMatch(/^working\n\[ended after 120 s; give timeout_s/)
  })
})

describe('shownOutput', () => {
  it('says where the middle is missing, how much, and how to see it', () => {
    const shown = shownOutput({ output: new TextEncoder().encode('headtail'), totalOutputBytes: 100_008 })
    expect(shown).toMatch(/^head\n\[100,000 of 100,008 bytes left out here; to see them, .*sed -n.*\]\ntail$/)
    const kept = { output: new TextEncoder().encode('headtail'), totalOutputBytes: 100_008, outputPath: '/scratch/7' }
    expect(shownOutput(kept)).toMatch(/left out here; the whole is in \/scratch\/7 until/)
  })

  it('drops terminal colours and control characters and spells out hidden ones', () => {
    const shown = shownOutput(result('\u001b[31mred\u001b[0m\u0007 \u001b]0;title\u0007a\u202eb\u{e0041}\r\nend\ttab'))
    expect(shown).toBe('red a\\u{202e}b\\u{e0041}\nend\ttab')
  })

  it('survives bytes that are no UTF-8', () => {
    expect(shownOutput({ output: new Uint8Array([0x61, 0xff, 0x62]), totalOutputBytes: 3 })).toBe('a\ufffdb')
  })
})

describe('shellTool', () => {
  it.each([[601], [0], ['120']])('refuses the timeout %j and says what is expected', (timeout_s) => {
    expect(createShellTool(createJobTable()).prepare({ command: 'ls', timeout_s })).toMatchObject({
      kind: 'invalid',
      message: expect.stringMatching(/timeout_s/),
    })
  })
})
