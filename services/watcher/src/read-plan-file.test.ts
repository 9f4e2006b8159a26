import { execFileSync } from 'node:child_process'
import { appendFile, chmod, link, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileStateAt, readPlanFile, readReport } from './read-plan-file.ts'

let directory = ''
const at = (name: string) => join(directory, name)

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'devbot-read-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** Root may read everything, so what is refused shows only as somebody else. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work()
  process.seteuid?.(65_534)
  try {
    return await work()
  } finally {
    process.seteuid?.(0)
  }
}

describe('readPlanFile', () => {
  it('reads an ordinary file to the byte', async () => {
    await writeFile(at('a.md'), '# Plan\n')
    expect(await readPlanFile(directory, 'a.md')).toEqual({ kind: 'read', content: Buffer.from('# Plan\n') })
  })

  it('says that a file is gone', async () => {
    expect(await readPlanFile(directory, 'a.md')).toEqual({ kind: 'gone' })
  })

  it.each<[string, (path: string) => unknown]>([
    ['symbolic link', (path) => symlink('/etc/hostname', path)],
    ['symbolic link', (path) => symlink(at('nowhere'), path)],
    ['folder', (path) => mkdir(path)],
    ['named pipe', (path) => execFileSync('mkfifo', [path])],
    ['device', (path) => execFileSync('mknod', [path, 'c', '1', '3'])],
    [
      'hard link',
      async (path) => {
        await writeFile(at('other.txt'), 'secret')
        await link(at('other.txt'), path)
      },
    ],
  ])('refuses a %s without waiting for anything', async (found, make) => {
    try {
      await make(at('a.md'))
    } catch (error) {
      // Only root may make devices.
      if (found === 'device') return
      throw error
    }
    const read = await readPlanFile(directory, 'a.md')
    expect(read).toMatchObject({ kind: 'refused', problem: { field: 'file' } })
    expect(JSON.stringify(read)).toContain(found)
  })

  it('refuses a socket', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(at('a.md'), resolve))
    expect(JSON.stringify(await readPlanFile(directory, 'a.md'))).toContain('a socket')
    server.close()
  })

  it('refuses a huge file without reading it', async () => {
    await writeFile(at('a.md'), '')
    await truncate(at('a.md'), 40 * 1024 ** 3)
    expect(await readPlanFile(directory, 'a.md')).toMatchObject({ kind: 'refused', problem: { field: 'file' } })
  })

  it('refuses a file without permission, saying what to do', async () => {
    await writeFile(at('a.md'), 'x')
    await chmod(at('a.md'), 0)
    await chmod(directory, 0o755)
    expect(await asNobody(() => readPlanFile(directory, 'a.md'))).toMatchObject({ kind: 'refused' })
  })
})

describe('fileStateAt', () => {
  it('changes when something is appended, and not when nothing is', async () => {
    await writeFile(at('a.md'), 'x')
    const before = await fileStateAt(at('a.md'))
    expect(await fileStateAt(at('a.md'))).toEqual(before)
    await appendFile(at('a.md'), 'y')
    expect((await fileStateAt(at('a.md')))?.fingerprint).not.toBe(before?.fingerprint)
  })
})

describe('readReport', () => {
  const head = `---\nplan_hash: ${'a'.repeat(64)}\nstatus: merged\n---\n`

  it('reads the front matter of a report of any length', async () => {
    await writeFile(at('a.report.md'), head + 'é line\n'.repeat(200_000))
    expect(await readReport(directory, 'a.report.md')).toEqual({ planHash: 'a'.repeat(64), status: 'merged' })
  })

  it('follows no link and says nothing when there is none', async () => {
    await writeFile(at('x'), head)
    await symlink(at('x'), at('a.report.md'))
    expect(await readReport(directory, 'a.report.md')).toBeUndefined()
    expect(await readReport(directory, 'b.report.md')).toBeUndefined()
  })
})
