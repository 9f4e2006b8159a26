import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freeReportName } from './free-report-name.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'report-name-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const taskId = 't0123456789ab'
const REPORT = `---\ntitle: "Report: a"\ntask: ${taskId}\n---\n`
const other = `a.${taskId}.report.md`

describe('freeReportName', () => {
  it('is the usual one where nothing or an earlier report is', async () => {
    expect(await freeReportName(folder, 'a.md', taskId)).toBe('a.report.md')
    writeFileSync(join(folder, 'a.report.md'), REPORT)
    expect(await freeReportName(folder, 'a.md', taskId)).toBe('a.report.md')
  })

  it("leaves a person's file alone", async () => {
    writeFileSync(join(folder, 'a.report.md'), 'my own notes')
    expect(await freeReportName(folder, 'a.md', taskId)).toBe(other)
  })

  it('neither follows a link nor waits for a FIFO of that name', async () => {
    writeFileSync(join(folder, 'elsewhere'), REPORT)
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'a.report.md'))
    expect(await freeReportName(folder, 'a.md', taskId)).toBe(other)
    execFileSync('mkfifo', [join(folder, 'b.report.md')])
    expect(await freeReportName(folder, 'b.md', taskId)).toBe(other.replace('a.', 'b.'))
  })
})
