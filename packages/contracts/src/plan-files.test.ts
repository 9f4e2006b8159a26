import { describe, expect, it } from 'vitest'
import { isPlanFileName, isReportFileName, rejectionFileNameFor, reportFileNameFor } from './plan-files.ts'

describe('isPlanFileName', () => {
  it.each(['add-retry.md', '250102__PLAN__topic.md', 'Add Retry.MD', 'readme-first.md', 'reporting.md', 'x.md.md'])(
    'takes %s for a plan',
    (name) => {
      expect(isPlanFileName(name)).toBe(true)
    },
  )

  it.each([
    'README.md',
    'readme.MD',
    'AGENTS.md',
    'CLAUDE.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'index.md',
    'plan.txt',
    'plan',
    '.md',
    '.hidden.md',
    '~$plan.md',
    '#plan.md',
    'plan.md~',
    'plan.md.swp',
    'plan.rejected.md',
    'plan.REJECTED.md',
    'plan.report.md',
    '250102__REPORT__topic.md',
    'sub/plan.md',
  ])('does not take %s for a plan', (name) => {
    expect(isPlanFileName(name)).toBe(false)
  })
})

describe('reportFileNameFor', () => {
  it.each([
    ['250102__PLAN__topic.md', '250102__REPORT__topic.md'],
    ['250102__plan__topic.md', '250102__REPORT__topic.md'],
    ['add-retry.md', 'add-retry.report.md'],
    ['Add.MD', 'Add.report.md'],
  ])('names the report of %s %s, which is no plan', (plan, report) => {
    expect(reportFileNameFor(plan)).toBe(report)
    expect(isReportFileName(report)).toBe(true)
    expect(isPlanFileName(report)).toBe(false)
  })
})

describe('rejectionFileNameFor', () => {
  it.each(['add-retry.md', 'Add.MD', '250102__PLAN__topic.md'])('names a file beside %s that is no plan', (plan) => {
    const rejection = rejectionFileNameFor(plan)
    expect(rejection).not.toBe(plan)
    expect(isPlanFileName(rejection)).toBe(false)
  })
})
