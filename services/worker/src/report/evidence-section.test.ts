import { concernSchema, type RunRecord, runRecordSchema, taskSchema, testEvidenceSchema } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { acceptanceTable, concernList, evidenceSentence, evidenceTable } from './evidence-section.ts'
import { isDraft, pullRequestBody } from './pull-request-text.ts'
import { renderReport } from './render-report.ts'
import { selfReviewSentence } from './self-review-section.ts'

const TREE = 'c'.repeat(40)
const evidence = testEvidenceSchema.parse({
  runner: 'vitest',
  compared: true,
  counts: {
    fixed: 1,
    passed: 40,
    regressed: 12,
    alreadyBroken: 0,
    newFailing: 1,
    skipped: 2,
    newlySkipped: 1,
    gone: 1,
  },
  fixed: ['rounding > carries'],
  regressed: Array.from({ length: 12 }, (_, number) => `case ${number}`),
  alreadyBroken: [],
  newFailing: ['a|b `x` <img>'],
  newlySkipped: ['rests'],
  gone: ['was here'],
})
const end = (exitCode: number) => ({ exitCode, timedOut: false, durationMs: 1200 })
const check = (exitCode: number) => ({ command: 'npm test', ...end(exitCode), output: 'output', treeId: TREE })
const task = taskSchema.parse({
  version: 1,
  id: `t${'0'.repeat(12)}`,
  repository: 'octo/hello',
  planPath: 'plan.md',
  generation: 1,
  planHash: 'a'.repeat(64),
  title: 'Plan',
  priority: 'high',
  status: 'in-review',
  branch: 'agent/plan-1',
  acceptedAtMs: 1,
  updatedAtMs: 2,
  rounds: 0,
  failedAttempts: 0,
  turns: 0,
  costMicroUsd: 0,
  workMs: 0,
})
const run: RunRecord = runRecordSchema.parse({
  version: 1,
  id: 'r1',
  kind: 'implement',
  planHash: 'a'.repeat(64),
  model: 'm',
  startedAtMs: 1,
  endedAtMs: 2,
  turns: 1,
  costMicroUsd: 1,
  tokens: { input: 1, output: 1, cacheRead: 1, cacheWrite: 1 },
  commitId: 'b'.repeat(40),
  treeId: TREE,
  baseline: check(1),
  verification: check(0),
  examinedTreeId: TREE,
  evidence,
  outcome: { kind: 'finished' },
})
const report = (part: Partial<RunRecord>) =>
  renderReport({ task, planText: '# Plan\n', runs: [{ ...run, ...part }], feedback: [] })
const body = (part: Partial<RunRecord>) =>
  pullRequestBody({ task, instance: 'devbot', runs: [{ ...run, ...part }], changes: [] })
const concern = concernSchema.parse({ kind: 'out-of-scope', path: 'a|b.md', detail: 'the plan wants @ada | <b>' })

describe('single tests in report and pull request', () => {
  it('lists each kind that there is, with the first names', () => {
    const table = evidenceTable(evidence)
    expect(table).toContain('| failed before, pass now | 1 | `rounding > carries` |')
    expect(table).toMatch(/\| passed before, fail now \| 12 \| `case 0`<br>.*`case 9`<br>and 2 more \|/)
    expect(table).not.toContain('failed before, fail now')
    expect(report({})).toContain(table)
  })

  it('keeps a name from ending its cell, its code or its line', () => {
    expect(evidenceTable(evidence)).toContain('| fail now, not known before | 1 | ``a\\|b `x` <img>`` |')
  })

  it('says the same in one line of the pull request, broken tests below it', () => {
    expect(body({})).toContain(
      '- single tests: 1 fixed, 40 passed, 12 regressed, 1 newly failing, 2 skipped, 1 newly skipped, 1 gone (by the output of vitest)\n  - `case 0`',
    )
    expect(body({})).toContain('  - and 3 more')
  })

  it('says when there is nothing to compare with, and when no runner was recognised', () => {
    expect(evidenceSentence({ ...evidence, compared: false })).toMatch(/1 failing,.*no list of the base/)
    expect(report({ evidence: undefined })).toContain('the output is of no runner that DevBot can read')
    expect(body({ evidence: undefined })).not.toContain('single tests')
  })

  it('lets the exit code alone decide, whatever the list says', () => {
    expect(isDraft({ status: 'ready' }, run)).toBe(false)
    expect(isDraft({ status: 'ready' }, { ...run, verification: check(1) })).toBe(true)
  })
})

describe('what a person should look at before merging', () => {
  it('stands at the head of report and pull request, inert, and makes a draft', () => {
    const list = '- **out of scope**: `a|b.md`: the plan wants @\u200bada \\| &lt;b>'
    expect(concernList([concern])).toBe(list)
    expect(report({ concerns: [concern] })).toContain(`## Look at This Before Merging\n\n${list}`)
    expect(body({ concerns: [concern] })).toContain(`## Look at this before merging\n\n${list}`)
    expect(isDraft({ status: 'ready' }, { ...run, concerns: [concern] })).toBe(true)
  })

  it('is of no account for another tree than the one that was delivered', () => {
    const other = { concerns: [concern], examinedTreeId: 'd'.repeat(40) }
    expect(report(other)).not.toContain('Before Merging')
    expect(isDraft({ status: 'ready' }, { ...run, ...other })).toBe(false)
  })

  it('has no section when there is nothing', () => {
    expect(report({ concerns: [] })).not.toContain('Before Merging')
    expect(body({ concerns: [] })).not.toContain('before merging')
  })

  it('leaves the pull request a body that GitHub takes, however much there is to say', () => {
    const long = { ...concern, path: 'p'.repeat(2_000) }
    const text = body({ concerns: Array.from({ length: 60 }, () => long) })
    expect(text.length).toBeLessThan(65_000)
    expect(text).toMatch(/^<!-- devbot:task=.*-->\n/)
    expect(text).toMatch(/`\n?.*\n\n_The rest stands in the report beside the plan\._$/)
  })

  it('is cut after fifty lines', () => {
    expect(concernList(Array.from({ length: 60 }, () => concern))?.split('\n')).toHaveLength(51)
  })
})

describe('acceptance criteria and lint', () => {
  const acceptance = [
    { criterion: 'It starts', command: 'npm start', before: end(1), after: end(0) },
    { criterion: 'It | is nice' },
    { criterion: 'It ends', command: 'a | b', after: { timedOut: true, durationMs: 300_000 } },
  ]
  it('shows each before and after', () => {
    expect(acceptanceTable(acceptance)?.split('\n').slice(2)).toEqual([
      '| It starts | `npm start` | not met (exit code 1, 1.2 s) | met (exit code 0, 1.2 s) |',
      '| It \\| is nice | no command | - | - |',
      '| It ends | `a \\| b` | not run | not met (out of time, 300 s) |',
    ])
    expect(report({ acceptance })).toContain('| It starts |')
    expect(body({ acceptance })).toContain('- acceptance: 1 of 2 criteria with a command are met')
    expect(report({ lint: { command: 'npm run lint', before: end(0), after: end(2) } })).toContain(
      '- Lint `npm run lint`: before passed (exit code 0, 1.2 s), after failed (exit code 2, 1.2 s)',
    )
  })
})

describe('the self-review', () => {
  const findings = [
    { severity: 'critical' as const, path: 'src/a.ts', line: 3, problem: 'It <b>loses</b> data, says @ada' },
    { severity: 'minor' as const, problem: 'a name' },
  ]
  it.each([
    [{ verdict: 'approved', findings: [], fixRounds: 0 }, 'approved'],
    [{ verdict: 'not-done', reason: 'the limit on cost', findings: [], fixRounds: 0 }, 'not done: the limit on cost'],
    [
      { verdict: 'changes-wanted', findings, fixRounds: 1, treeId: TREE },
      '1 finding to mend, 1 minor remark; the agent was told, and changed nothing',
    ],
    [
      { verdict: 'changes-wanted', findings, fixRounds: 1, treeId: 'x' },
      '1 finding to mend, 1 minor remark; the agent was told, and changed its work; that was tested, and not reviewed again',
    ],
  ] as const)('says %o in a sentence', (review, sentence) => {
    expect(selfReviewSentence({ ...review, findings: [...review.findings] }, TREE)).toBe(sentence)
  })

  it('marks what it found as a model’s prose, and disarms it', () => {
    const selfReview = { verdict: 'changes-wanted' as const, findings, fixRounds: 1, treeId: TREE }
    for (const text of [report({ selfReview }), body({ selfReview })])
      expect(text).toContain('> - critical `src/a.ts:3`: It &lt;b>loses&lt;/b> data, says @\u200bada')
    expect(report({ selfReview })).toContain('_The reviewer wrote:_')
  })
})
