import { describe, expect, it } from 'vitest'
import { formatRejection, isRejectionText } from './format-rejection.ts'
import { parsePlan } from './parse-plan.ts'
import { parseReportFacts } from './report-facts.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const bad = '---\ntitle: Add retry\nstatus: wip\npriorty: high\n---\n# x\n'

function rejectionOf(text: string, fileName = 'add-retry.md') {
  const parsed = parsePlan(bytes(text), fileName)
  if (parsed.ok) throw new Error('expected a bad plan')
  return formatRejection(fileName, parsed.problems)
}

describe('formatRejection', () => {
  it('says line by line what is wrong, what would be right, and when it disappears', () => {
    const text = rejectionOf(bad)
    expect(text).toMatchInlineSnapshot(`
      "---
      devbot: plan-rejected
      plan_file: add-retry.md
      problems:
        - field: status
          line: 3
        - field: priorty
          line: 4
      ---

      # Plan not accepted: add-retry.md

      2 things have to be changed in \`add-retry.md\` before DevBot can work on it.

      - **Line 3, status**: expected one of draft, ready, approved, todo, in-progress, hold, completed, cancelled, found \`wip\`.
        Write \`status\` like the line below, with the word you mean, or leave it out.
      - **Line 4, priorty**: expected a key that DevBot knows, found \`priorty\`, which looks like a misspelt \`priority\`.
        Write \`priority\`, or choose a more different name for a key of your own.

      Front matter lines that would be right:

      \`\`\`yaml
      status: ready
      priority: high
      \`\`\`

      This file disappears when the plan is fixed; there is nothing else to do. A plan that was accepted before keeps its last accepted text until then.
      "
    `)
    expect(isRejectionText(text)).toBe(true)
  })

  it('gives the same text for the same problems', () => {
    expect(rejectionOf(bad)).toBe(rejectionOf(bad))
  })

  it('lets no value act as Markdown or HTML', () => {
    const text = rejectionOf('---\nstatus: "`</code><img src=x onerror=y>"\n"<b>": 1\n---\n# x\n', '<i>*x*.md')
    const outsideCode = text.replace(/`[^`\n]*`/g, '').replace(/```[\s\S]*```/g, '')
    expect(outsideCode.replace(/\\</g, '').split('\n---\n')[1]).not.toMatch(/<[a-z]/)
  })
})

describe('isRejectionText', () => {
  it.each(['', '# Mine\n', '---\ntitle: x\n---\n'])('knows that %j is not ours', (text) => {
    expect(isRejectionText(text)).toBe(false)
  })
})

describe('parseReportFacts', () => {
  const hash = 'a'.repeat(64)

  it('reads plan hash and status of a report', () => {
    const report = `---\nfilename: x.report.md\nplan_hash: ${hash}\nstatus: merged\ntags: [report]\n---\n# Report\n`
    expect(parseReportFacts(bytes(report))).toEqual({ planHash: hash, status: 'merged' })
  })

  it('reads a hash of digits only', () => {
    expect(parseReportFacts(bytes(`---\nplan_hash: ${'1'.repeat(64)}\nstatus: merged\n---\n`))?.planHash).toBe(
      '1'.repeat(64),
    )
  })

  it.each([
    '# no front matter\n',
    '---\nstatus: merged\n---\n',
    `---\nplan_hash: ${hash}\n---\n`,
    '---\nplan_hash: abc\nstatus: merged\n---\n',
    `---\nplan_hash: &a ${hash}\nstatus: merged\n---\n`,
    `---js\nplan_hash: ${hash}\nstatus: merged\n---\n`,
    '\0',
  ])('says nothing of %j', (report) => {
    expect(parseReportFacts(bytes(report))).toBeUndefined()
  })
})
