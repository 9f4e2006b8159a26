import { chown, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PlanProblem } from '@devbot/contracts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRejectionFiles } from './rejection-file.ts'

let directory = ''
const at = (name: string) => join(directory, name)
const problem: PlanProblem = { field: 'status', line: 2, problem: 'expected another', remedy: 'Change it.' }

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'devbot-rejection-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

describe('createRejectionFiles', () => {
  it('writes the reasons beside the plan and leaves nothing else behind', async () => {
    expect(await createRejectionFiles(directory).write('a.md', [problem])).toBe('written')
    expect(await readdir(directory)).toEqual(['a.rejected.md'])
    expect(await readFile(at('a.rejected.md'), 'utf8')).toContain('Line 2, status')
  })

  it('does not touch the file when nothing changed', async () => {
    const files = createRejectionFiles(directory)
    await files.write('a.md', [problem])
    const { ino } = await stat(at('a.rejected.md'))
    expect(await files.write('a.md', [problem])).toBe('unchanged')
    expect((await stat(at('a.rejected.md'))).ino).toBe(ino)
  })

  it('removes it when the plan is fixed', async () => {
    const files = createRejectionFiles(directory)
    await files.write('a.md', [problem])
    expect(await files.remove('a.md')).toBe(true)
    expect(await files.remove('a.md')).toBe(false)
    expect(await readdir(directory)).toEqual([])
  })

  it('gives the file to the owner of the folder', async () => {
    // Only root can give a folder away; for everybody else the owner is the one who writes.
    if (process.getuid?.() === 0) await chown(directory, 1234, 1235)
    const { uid, gid } = await stat(directory)
    await createRejectionFiles(directory).write('a.md', [problem])
    expect(await stat(at('a.rejected.md'))).toMatchObject({ uid, gid })
  })

  it('never replaces or removes a file that somebody else wrote', async () => {
    const files = createRejectionFiles(directory)
    await writeFile(at('a.rejected.md'), '# Mine\n')
    expect(await files.write('a.md', [problem])).toBe('not-ours')
    await files.remove('a.md')
    await files.removeOrphans(['a.rejected.md'], [])
    expect(await readFile(at('a.rejected.md'), 'utf8')).toBe('# Mine\n')
  })

  it('writes through no link', async () => {
    await writeFile(at('target'), 'precious')
    await symlink(at('target'), at('a.rejected.md'))
    expect(await createRejectionFiles(directory).write('a.md', [problem])).toBe('not-ours')
    expect(await readFile(at('target'), 'utf8')).toBe('precious')
  })

  it('removes only the rejections of plans that are gone', async () => {
    const files = createRejectionFiles(directory)
    await files.write('a.md', [problem])
    await files.write('b.md', [problem])
    await files.removeOrphans(['a.rejected.md', 'b.rejected.md', 'b.md'], ['b.md'])
    expect(await readdir(directory)).toEqual(['b.rejected.md'])
  })
})
