import { describe, expect, it } from 'vitest'
import { readFindings } from './read-findings.ts'

const finding = (severity: string, more: object = {}) => ({ severity, problem: 'it breaks', ...more })

describe('readFindings', () => {
  it('reads the answer, the worst first', () => {
    const answer = { findings: [finding('minor'), finding('critical', { path: 'a.ts', line: 3 }), finding('major')] }
    expect(readFindings(JSON.stringify(answer))).toEqual([
      { severity: 'critical', path: 'a.ts', line: 3, problem: 'it breaks' },
      { severity: 'major', problem: 'it breaks' },
      { severity: 'minor', problem: 'it breaks' },
    ])
  })

  it.each([
    ['an approval', '{"findings": []}'],
    ['words and a fence around it', 'Here you are:\n```json\n{"findings": []}\n```\nThat is all.'],
    ['more than was asked for', '{"verdict": "fine", "findings": []}'],
  ])('takes %s', (_what, answer) => {
    expect(readFindings(answer)).toEqual([])
  })

  it('takes what is left out for left out, and a line that is none', () => {
    const answer = {
      findings: [finding('minor', { path: null, line: null }), finding('minor', { path: ' ', line: 'x' })],
    }
    expect(readFindings(JSON.stringify(answer))).toEqual([finding('minor'), finding('minor')])
  })

  it('keeps at most twenty, each cut to a bounded length', () => {
    const long = finding('major', { path: 'p'.repeat(900), problem: 'x'.repeat(3000) })
    const findings = readFindings(JSON.stringify({ findings: Array.from({ length: 40 }, () => long) }))
    expect(findings).toHaveLength(20)
    expect(findings?.[0]).toEqual({ severity: 'major', path: 'p'.repeat(400), problem: 'x'.repeat(2000) })
  })

  it.each([
    '',
    'All is well.',
    '{"findings": "none"}',
    '{"findings": [{"severity": "bad", "problem": "x"}]}',
    '[]',
    '{',
  ])('cannot read %j', (answer) => {
    expect(readFindings(answer)).toBeUndefined()
  })
})
