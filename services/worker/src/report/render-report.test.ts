import {
  errorEntry,
  type FeedbackRow,
  feedbackIdFor,
  parseReportFacts,
  planHashSchema,
  type RunRecord,
  repositoryNameSchema,
  runRecordSchema,
  type Task,
  taskIdFor,
  taskSchema,
} from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { renderReport } from './render-report.ts'

const planHash = planHashSchema.parse('a'.repeat(64))
const task: Task = taskSchema.parse({
  version: 1,
  id: taskIdFor({ repository: 'octo/hello', planPath: '261122__PLAN__retry.md', generation: 1 }),
  repository: repositoryNameSchema.parse('octo/hello'),
  planPath: '261122__PLAN__retry.md',
  generation: 1,
  planHash,
  title: 'Add retry: "always"',
  priority: 'high',
  status: 'in-review',
  branch: 'agent/retry-1',
  acceptedAtMs: 1_000,
  updatedAtMs: 1_764_000_000_000,
  headCommitId: 'b'.repeat(40),
  pullRequest: { number: 4, url: 'https://github.example/octo/hello/pull/4', draft: false },
  rounds: 1,
  failedAttempts: 0,
  turns: 0,
  costMicroUsd: 0,
  workMs: 0,
})
const check = (exitCode: number) => ({
  command: 'npm test',
  exitCode,
  timedOut: false,
  durationMs: 2_345,
  output: 'one line of output',
  treeId: 'c'.repeat(40),
})
const run: RunRecord = runRecordSchema.parse({
  version: 1,
  id: 'r1',
  kind: 'implement',
  planHash,
  model: 'm',
  startedAtMs: 10_000,
  endedAtMs: 52_000,
  turns: 9,
  costMicroUsd: 123_456,
  tokens: { input: 1, output: 1, cacheRead: 1, cacheWrite: 1 },
  commitId: 'b'.repeat(40),
  baseline: check(1),
  verification: check(0),
  finish: {
    title: 'Retry',
    summary: 'I did it.\n<script>',
    key_changes: ['a new file'],
    technical_decisions: [],
    testing_notes: 'ran all',
    next_steps: [],
  },
  changes: [
    { kind: 'created', path: 'src/retry.ts', addedLines: 20, deletedLines: 0 },
    { kind: 'renamed', path: 'b|c.ts', previousPath: 'a.ts', addedLines: 0, deletedLines: 0 },
    { kind: 'deleted', path: 'old.bin' },
  ],
  outcome: { kind: 'finished' },
})
const row: FeedbackRow = {
  item: {
    version: 1,
    id: feedbackIdFor({ repositoryId: 1, kind: 'inline-comment', objectId: 5, body: 'rename | it' }),
    kind: 'inline-comment',
    repositoryId: 1,
    pullNumber: 4,
    objectId: 5,
    author: 'ada',
    authorKind: 'user',
    body: 'rename | it',
    submittedAt: '2026-11-22T10:00:00Z',
    path: 'src/retry.ts',
    line: 3,
  },
  state: 'answered',
  decision: 'done',
  reply: 'Renamed.',
  commitId: 'd'.repeat(40),
}
const input = { task, planText: '# Retry\n\nplease', runs: [run], feedback: [row] }

describe('renderReport', () => {
  it('states facts in the front matter that a program can read', () => {
    const text = renderReport(input)
    expect(parse(text.split('---')[1] ?? '')).toMatchObject({
      filename: '261122__REPORT__retry.md',
      title: 'Report: Add retry: "always"',
      plan_file: '261122__PLAN__retry.md',
      plan_hash: planHash,
      status: 'in-review',
      files_created: 1,
      files_modified: 1,
      files_deleted: 1,
      branch: 'agent/retry-1',
      rounds: 1,
      turns: 9,
      cost_usd: 0.1235,
      duration_s: 42,
    })
    expect(parseReportFacts(Buffer.from(text))).toEqual({ planHash, status: 'in-review' })
  })

  it('has every section, and says red to green from the worker’s own runs', () => {
    const text = renderReport(input)
    const sections = [...text.matchAll(/^## (.+)$/gm)].map(([, name]) => name)
    expect(sections).toEqual([
      'Summary',
      'Files Changed',
      'Key Changes',
      'Technical Decisions',
      'Testing Notes',
      'Feedback',
      'Next Steps',
    ])
    expect(text).toContain('fixed: tests failed before and pass now')
    expect(text).toContain('`b|c.ts` (renamed from `a.ts`) (+0 -0)')
    expect(text).toContain('`old.bin` (binary)')
  })

  it('has a section on the network where connections of the last run were refused', () => {
    const refusal = {
      host: 'packages.example',
      port: 443,
      reason: 'not on the list',
      allowWith: 'packages.example',
      count: 3,
    }
    const text = renderReport({ ...input, runs: [{ ...run, networkRefusals: [refusal] }] })
    expect(text).toMatch(/## Testing Notes[\s\S]*## Network[\s\S]*`packages.example:443`[\s\S]*## Feedback/)
    expect(renderReport({ ...input, runs: [{ ...run, networkRefusals: [refusal] }, run] })).not.toContain('## Network')
  })

  it('marks the agent’s words and disarms them', () => {
    const text = renderReport(input)
    expect(text).toContain('_The agent wrote:_\n\n> I did it.\n> &lt;script>')
    expect(text).not.toContain('<script>')
  })

  it('gives the same bytes for the same input', () => {
    expect(renderReport(input)).toBe(renderReport(structuredClone(input)))
  })

  it.each([
    ['held', 'the token was refused', /devbot start t[0-9a-f]{12}/],
    ['no-change', 'it is there already', /Edit the plan to start again/],
    ['given-up', 'the limit on turns was reached', /keeps the work/],
    ['cancelled', 'the plan says so', /cancelled/],
  ] as const)('says what to do next when the task is %s', (status, statusReason, expected) => {
    const text = renderReport({ ...input, task: { ...task, status, statusReason } })
    expect(text).toContain(statusReason)
    expect(text.split('## Next Steps')[1]).toMatch(expected)
  })

  it('says what the error catalogue advises when an error holds the task', () => {
    const held = { ...task, status: 'held', statusReason: 'status 401', statusCode: 'model-key-refused' } as const
    const text = renderReport({ ...input, task: held })
    expect(text.split('## Next Steps')[1]).toContain(errorEntry('model-key-refused').remedy.slice(0, 20))
    expect(renderReport({ ...input, task: { ...held, statusCode: 'of-a-newer-devbot' } })).toContain('status 401')
  })

  it('shows the end of the output when the tests are red', () => {
    const text = renderReport({ ...input, runs: [{ ...run, verification: check(2) }] })
    expect(text).toContain('still red')
    expect(text).toContain('one line of output')
  })
})
