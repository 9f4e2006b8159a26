import { describe, expect, it } from 'vitest'
import { blobIdFor } from './blob-id.ts'
import { createProtectedGlobs } from './path-globs.ts'
import type { TreeEntry } from './repository-store.ts'
import { type SelectChangeInput, selectChange, type WorkspaceEntry } from './select-change.ts'

const CEILINGS = { maxFiles: 100, maxBytes: 10_000, maxFileBytes: 5_000 }

type Base = Readonly<Record<string, string | { readonly mode: TreeEntry['mode']; readonly content: string }>>

const baseEntries = (base: Base): readonly TreeEntry[] =>
  Object.entries(base).map(([path, value]) => {
    const { mode, content } = typeof value === 'string' ? { mode: '100644' as const, content: value } : value
    return { path, mode, objectId: blobIdFor(Buffer.from(content)) }
  })

const file = (path: string, content: string | Uint8Array, executable = false): WorkspaceEntry => ({
  kind: 'file',
  path,
  executable,
  bytes: Buffer.from(content),
})
const link = (path: string, target: string): WorkspaceEntry => ({ kind: 'link', path, target })

/** Runs the selection; rule files of the base are those that `base` holds. */
const select = (input: {
  readonly base?: Base
  readonly entries?: readonly WorkspaceEntry[]
  readonly deleted?: readonly string[]
  readonly setup?: readonly string[]
  readonly crlfPaths?: readonly string[]
  readonly ceilings?: SelectChangeInput['ceilings']
  readonly protected?: readonly string[]
}) => {
  const protectedBy = createProtectedGlobs(input.protected ?? [])
  const ruleFiles = Object.entries(input.base ?? {}).flatMap(([path, value]) =>
    /(^|\/)\.git(ignore|attributes)$/.test(path) && typeof value === 'string'
      ? [[path, Buffer.from(value)] as const]
      : [],
  )
  const selected = selectChange({
    baseEntries: baseEntries(input.base ?? {}),
    change: { entries: input.entries ?? [], deletedPaths: input.deleted ?? [], setupPaths: new Set(input.setup ?? []) },
    baseContents: { ruleFiles: new Map(ruleFiles), crlfPaths: new Set(input.crlfPaths ?? []) },
    ceilings: input.ceilings ?? CEILINGS,
    protection: (path) => protectedBy(path),
  })
  const changes = selected.changes.map((change) =>
    change.kind === 'delete' ? `D ${change.path}` : `${change.mode} ${change.path} ${Buffer.from(change.bytes)}`,
  )
  return {
    changes,
    refused: selected.refused.map(({ path }) => path),
    reasons: selected.refused,
    count: selected.refusedCount,
  }
}

describe('selectChange: what belongs to the change', () => {
  it('takes new, changed and deleted files, modes and links, sorted by path', () => {
    const { changes, refused } = select({
      base: { 'a.txt': '1', 'run.sh': 'x', gone: 'g', link: { mode: '120000', content: 'a.txt' } },
      entries: [link('link', 'run.sh'), file('run.sh', 'x', true), file('new/ü.txt', 'n'), file('a.txt', '2')],
      deleted: ['gone'],
    })
    expect(changes).toEqual(['100644 a.txt 2', 'D gone', '120000 link run.sh', '100644 new/ü.txt n', '100755 run.sh x'])
    expect(refused).toEqual([])
  })

  it('takes nothing for a file that is the same in bytes and mode', () => {
    const base: Base = { a: '1', run: { mode: '100755', content: 'x' }, l: { mode: '120000', content: 'a' } }
    const { changes } = select({ base, entries: [file('a', '1'), file('run', 'x', true), link('l', 'a')] })
    expect(changes).toEqual([])
  })

  it('takes a file that became a link and a link that became a file', () => {
    const base: Base = { a: 'b', l: { mode: '120000', content: 'b' } }
    const { changes } = select({ base, entries: [link('a', 'b'), file('l', 'b')] })
    expect(changes).toEqual(['120000 a b', '100644 l b'])
  })

  it('leaves out untracked files that are ignored, but keeps tracked ones', () => {
    const { changes } = select({
      base: { '.gitignore': '*.log\n/out/\n', 'kept.log': '1', 'out/gone': 'x' },
      entries: [file('kept.log', '2'), file('new.log', 'n'), file('out/x', 'x'), file('src/a', 'a')],
      deleted: ['out/gone'],
    })
    expect(changes).toEqual(['100644 kept.log 2', 'D out/gone', '100644 src/a a'])
  })

  it('evaluates the ignore files as the change leaves them, on every level', () => {
    const { changes } = select({
      base: { '.gitignore': '*.tmp\n', 'old/.gitignore': '*\n', 'old/x': '1' },
      entries: [
        file('.gitignore', '*.log\n'),
        file('a.tmp', 't'),
        file('a.log', 'l'),
        file('old/new', 'n'),
        file('venv/.gitignore', '*\n'),
        file('venv/lib', 'v'),
      ],
      deleted: ['old/.gitignore'],
    })
    expect(changes).toEqual(['100644 .gitignore *.log\n', '100644 a.tmp t', 'D old/.gitignore', '100644 old/new n'])
  })

  it('does not follow an ignore file that is a link', () => {
    const { changes, refused } = select({
      entries: [link('.gitignore', 'rules'), file('rules', '*\n'), file('a', 'a')],
    })
    expect(changes).toEqual(['100644 a a', '100644 rules *\n'])
    expect(refused).toEqual(['.gitignore'])
  })

  it('leaves out what setup made, unless it is tracked', () => {
    const { changes } = select({
      base: { 'lock.json': '1' },
      entries: [file('lock.json', '2'), file('cache/x', 'x'), file('cache/own', 'o')],
      setup: ['lock.json', 'cache/x'],
    })
    expect(changes).toEqual(['100644 cache/own o', '100644 lock.json 2'])
  })

  it("says nothing about the sandbox's own repository at the root", () => {
    expect(select({ entries: [file('.git/config', 'x'), file('.git', 'gitdir: x')] })).toMatchObject({
      changes: [],
      refused: [],
    })
  })

  it('ignores deletions of paths that were never there, and of paths that are there after all', () => {
    const { changes, refused } = select({ base: { a: '1' }, entries: [file('a', '1')], deleted: ['a', 'b', '../c'] })
    expect(changes).toEqual([])
    expect(refused).toEqual([])
  })

  it('gives the same result whatever the order of the entries', () => {
    const entries = [file('b', '1'), file('A', '2'), file('a', '3'), link('l', 'b')]
    expect(select({ entries })).toEqual(select({ entries: entries.toReversed() }))
  })
})

describe("selectChange: folders and files in each other's place", () => {
  it('replaces a file by a folder and a folder by a file', () => {
    const { changes } = select({
      base: { a: 'file', 'b/x': '1', 'b/y/z': '2' },
      entries: [file('a/inner', 'i'), file('b', 'file')],
      deleted: ['a', 'b/x', 'b/y/z'],
    })
    expect(changes).toEqual(['D a', '100644 a/inner i', '100644 b file', 'D b/x', 'D b/y/z'])
  })

  it('deletes what is in the way even when the listing did not say so', () => {
    const { changes } = select({ base: { a: 'file', 'b/x': '1' }, entries: [file('a/inner', 'i'), file('b', 'file')] })
    expect(changes).toEqual(['D a', '100644 a/inner i', '100644 b file', 'D b/x'])
  })

  it('refuses a listing that has a file and something below it', () => {
    const { changes, refused } = select({ entries: [file('a/b', '1'), file('a', '2')] })
    expect(changes).toEqual(['100644 a 2'])
    expect(refused).toEqual(['a/b'])
  })

  it('refuses to put a file where a submodule or a filtered file lies below, and takes nothing away', () => {
    const { changes, refused } = select({
      base: {
        '.gitattributes': '*.bin filter=lfs\n',
        'vendor/mod': { mode: '160000', content: '' },
        'vendor/x': '1',
        'data/a.bin': 'pointer',
      },
      entries: [file('vendor', 'v'), file('data', 'd')],
    })
    expect(changes).toEqual([])
    expect(refused).toEqual(['data', 'vendor'])
  })
})

describe('selectChange: carried over unchanged', () => {
  const gitlink = { mode: '160000', content: '' } as const

  it('refuses to change, fill or delete a submodule', () => {
    const base: Base = { sub: gitlink, other: gitlink }
    const { changes, refused } = select({
      base,
      entries: [file('sub/file', 'x'), file('other', 'y')],
      deleted: ['sub', 'other'],
    })
    expect(changes).toEqual([])
    expect(refused).toEqual(['other', 'sub', 'sub/file'])
  })

  it('refuses to change, add or delete files under a filter, even when the change drops the attribute', () => {
    const { changes, refused } = select({
      base: { '.gitattributes': '*.bin filter=lfs -text\n', 'a.bin': 'pointer', 'b.bin': 'pointer' },
      entries: [file('.gitattributes', ''), file('a.bin', 'raw'), file('new.bin', 'raw')],
      deleted: ['b.bin'],
    })
    expect(changes).toEqual(['100644 .gitattributes '])
    expect(refused).toEqual(['a.bin', 'b.bin', 'new.bin'])
  })

  it('says nothing about a filtered file that is as it was', () => {
    const base: Base = { '.gitattributes': '*.bin filter=lfs\n', 'a.bin': 'pointer' }
    expect(select({ base, entries: [file('a.bin', 'pointer')] })).toMatchObject({ changes: [], refused: [] })
  })
})

describe('selectChange: line ends', () => {
  it('turns CRLF into LF for text files and leaves the others raw', () => {
    const { changes } = select({
      base: { '.gitattributes': '*.txt text\n*.ps1 text eol=crlf\n*.raw -text\n' },
      entries: [file('a.txt', '1\r\n2\r'), file('b.ps1', 'x\r\n'), file('c.raw', 'x\r\n'), file('d', 'x\r\n')],
    })
    expect(changes).toEqual(['100644 a.txt 1\n2\r', '100644 b.ps1 x\n', '100644 c.raw x\r\n', '100644 d x\r\n'])
  })

  it('sees no change in a text file whose line ends alone changed, nor in one that never was normal', () => {
    const base: Base = { '.gitattributes': '* text\n', a: '1\n', b: '1\r\n' }
    expect(select({ base, entries: [file('a', '1\r\n'), file('b', '1\r\n')] }).changes).toEqual([])
  })

  it('with text=auto keeps binary files and files that had CRLF before', () => {
    const { changes } = select({
      base: { '.gitattributes': '* text=auto\n', old: '1\r\n' },
      entries: [file('bin', '\0\r\n'), file('new', '1\r\n'), file('old', '2\r\n')],
      crlfPaths: ['old'],
    })
    expect(changes).toEqual(['100644 bin \0\r\n', '100644 new 1\n', '100644 old 2\r\n'])
  })

  it('uses the attributes as the change leaves them', () => {
    const base: Base = { '.gitattributes': '* -text\n' }
    const { changes } = select({ base, entries: [file('.gitattributes', '* text\n'), file('a', '1\r\n')] })
    expect(changes).toEqual(['100644 .gitattributes * text\n', '100644 a 1\n'])
  })
})

describe('selectChange: refused', () => {
  it.each([
    ['', 'empty'],
    ['/etc/passwd', 'absolute'],
    ['a//b', 'empty part'],
    ['../up', '".."'],
    ['a/./b', '"."'],
    ['a\0b', 'NUL'],
    ['a\\b', 'backslash'],
    ['a\nb', 'control character'],
    ['a\u0085b', 'control character'],
    ['bad\ufffdutf8', 'UTF-8'],
    ['half\ud800', 'UTF-8'],
    ['x'.repeat(256), '255 bytes'],
    [`${'x/'.repeat(2048)}y`, '4096 bytes'],
  ])('refuses the path %j', (path, reason) => {
    const { changes, reasons } = select({ entries: [file(path, 'x')] })
    expect(changes).toEqual([])
    expect(reasons).toEqual([{ path, reason: expect.stringContaining(reason) }])
  })

  it.each([
    '.GIT',
    '.Git',
    '.git.',
    '.git ',
    '.git. .',
    'git~1',
    'GIT~1',
    'git~2',
    '.g\u200cit',
    '.git\u200d',
    '\ufeff.git',
    '.git::$INDEX_ALLOCATION',
    '.git:stream',
    '.ｇit',
    'a/.git',
  ])('refuses %j as a look-alike of .git, once for all that is below', (name) => {
    const { changes, refused } = select({ entries: [file(`${name}/config`, 'x'), file(`${name}/hooks/x`, 'y')] })
    expect(changes).toEqual([])
    expect(refused).toEqual([name])
  })

  it.each([
    '.github/workflows/ci.yml',
    '.gitignore',
    '.gitattributes',
    '.gitmodules',
    'git',
    'a.git',
    '.gitx',
    'digit~1x',
    'x.git/y',
  ])('takes the harmless twin %j', (path) => {
    expect(select({ entries: [file(path, '')] })).toMatchObject({ changes: [`100644 ${path} `], refused: [] })
  })

  it('says nothing about bad names in ignored folders', () => {
    const base: Base = { '.gitignore': 'node_modules\n' }
    const entries = [file('node_modules/m/.git/config', 'x'), file('node_modules/a\\b', 'x')]
    expect(select({ base, entries })).toMatchObject({ changes: [], refused: [] })
  })

  it.each([
    ['readme.MD', 'README.md'],
    ['SRC/new.ts', 'src/a.ts'],
    ['stra\u00dfe', 'STRASSE'],
    ['cafe\u0301', 'caf\u00e9'],
    ['REA\u200dDME.md', 'README.md'],
  ])('refuses %j beside %j', (path, existing) => {
    const { changes, refused } = select({ base: { [existing]: '1' }, entries: [file(path, 'x')] })
    expect(changes).toEqual([])
    expect(refused).toEqual([path])
  })

  it('refuses the second of two new twins', () => {
    const { changes, refused } = select({ entries: [file('a', '1'), file('A', '2')] })
    expect(changes).toEqual(['100644 A 2'])
    expect(refused).toEqual(['a'])
  })

  it('takes a rename that changes only the case', () => {
    const { changes, refused } = select({
      base: { 'readme.md': '1', 'lib/x': 'x', 'lib/y': 'y' },
      entries: [file('README.md', '1'), file('Lib/x', 'x'), file('Lib/y', 'y')],
      deleted: ['readme.md', 'lib/x', 'lib/y'],
    })
    expect(changes).toEqual([
      '100644 Lib/x x',
      '100644 Lib/y y',
      '100644 README.md 1',
      'D lib/x',
      'D lib/y',
      'D readme.md',
    ])
    expect(refused).toEqual([])
  })

  it('goes on working in a repository that has twins already', () => {
    const base: Base = { 'Docs/a': '1', 'docs/b': '2' }
    const { changes } = select({ base, entries: [file('docs/new', 'n'), file('Docs/a', 'changed')] })
    expect(changes).toEqual(['100644 Docs/a changed', '100644 docs/new n'])
  })

  it('keeps the old file when its new form is refused', () => {
    const { changes, refused } = select({ base: { a: '1' }, entries: [{ kind: 'other', path: 'a' }], deleted: ['a'] })
    expect(changes).toEqual([])
    expect(refused).toEqual(['a'])
  })

  it('refuses to delete a name that did not come through decoding', () => {
    const { changes, refused } = select({ base: { 'bad\ufffd': '1' }, deleted: ['bad\ufffd'] })
    expect(changes).toEqual([])
    expect(refused).toEqual(['bad\ufffd'])
  })

  it('lists at most 200 refusals and counts all', () => {
    const entries = Array.from({ length: 300 }, (_, number) => file(`a\\${number}`, ''))
    const { refused, count } = select({ entries })
    expect(refused).toHaveLength(200)
    expect(count).toBe(300)
  })
})

describe('selectChange: protected paths', () => {
  const base: Base = { '.github/workflows/ci.yml': 'on: push', 'run.sh': 'x', 'src/a.ts': '1' }
  const protectedPaths = ['.github/workflows/**', 'run.sh', '.devbot.yml']

  it.each<[string, Parameters<typeof select>[0], readonly string[]]>([
    ['a changed file', { entries: [file('.github/workflows/ci.yml', 'on: never')] }, ['.github/workflows/ci.yml']],
    ['a new file', { entries: [file('.github/workflows/new.yml', 'x')] }, ['.github/workflows/new.yml']],
    ['another spelling', { entries: [file('.GitHub/workflows/x.yml', 'x')] }, ['.GitHub/workflows/x.yml']],
    ['a file that is gone', { deleted: ['.github/workflows/ci.yml'] }, ['.github/workflows/ci.yml']],
    [
      'a rename',
      { entries: [file('.github/workflows/b.yml', 'on: push')], deleted: ['.github/workflows/ci.yml'] },
      ['.github/workflows/b.yml', '.github/workflows/ci.yml'],
    ],
    ['a change of mode', { entries: [file('run.sh', 'x', true)] }, ['run.sh']],
    ['a link in its place', { entries: [link('run.sh', 'src/a.ts')] }, ['run.sh']],
    [
      'a link in the place of its folder',
      { entries: [link('.github', 'src')], deleted: ['.github/workflows/ci.yml'] },
      ['.github', '.github/workflows/ci.yml'],
    ],
    ['a folder in its place', { entries: [file('run.sh/x', 'x')], deleted: ['run.sh'] }, ['run.sh', 'run.sh/x']],
    ['a link where it would be', { entries: [link('.devbot.yml', 'src/a.ts')] }, ['.devbot.yml']],
  ])('does not take %s, keeps what the base has, and takes the rest', (_what, input, paths) => {
    const { changes, refused, reasons } = select({
      ...input,
      base,
      protected: protectedPaths,
      entries: [...(input.entries ?? []), file('src/a.ts', '2')],
    })
    expect(changes).toEqual(['100644 src/a.ts 2'])
    expect(refused).toEqual(paths)
    expect(protectedPaths).toContain(reasons[0]?.reason)
  })

  it('does not let a file in, that no base file stands behind, through a link of its folder', () => {
    const { changes, refused } = select({
      base: { 'src/a.ts': '1' },
      protected: protectedPaths,
      entries: [link('.github', 'src'), file('src/workflows/ci.yml', 'x')],
    })
    expect(refused).toEqual(['.github'])
    expect(changes).toEqual(['100644 src/workflows/ci.yml x'])
  })

  it('says nothing of a protected file that came out as it went in', () => {
    expect(select({ base, protected: protectedPaths, entries: [file('run.sh', 'x')] })).toMatchObject({
      changes: [],
      refused: [],
    })
  })
})

describe('selectChange: links', () => {
  it.each(['a', 'b/c', '../top', '../../root', './x', 'a/./b', '..', '../..'])('takes d/e/link -> %j', (target) => {
    expect(select({ entries: [link('d/e/link', target)] }).changes).toEqual([`120000 d/e/link ${target}`])
  })

  it.each([
    '',
    '/etc/passwd',
    '../../../out',
    '../../..',
    'a/../b',
    'a/../../../../x',
    '.git/config',
    '../.GIT/hooks',
    'a\\b',
    'a\nb',
    'x\ufffd',
    '//host',
    'y'.repeat(4096),
    'git~1/config',
    './../../../out',
  ])('refuses d/e/link -> %j', (target) => {
    const { changes, refused } = select({ entries: [link('d/e/link', target)] })
    expect(changes).toEqual([])
    expect(refused).toEqual(['d/e/link'])
  })

  it.each(['.gitmodules', '.gitattributes', 'sub/.GITIGNORE', '.mailmap'])('refuses a link called %j', (path) => {
    expect(select({ entries: [link(path, 'x')] }).refused).toEqual([path])
  })
})

describe('selectChange: ceilings', () => {
  it('refuses a file that is too large and takes the rest', () => {
    const { changes, reasons } = select({ entries: [file('big', 'x'.repeat(5001)), file('small', 'x')] })
    expect(changes).toEqual(['100644 small x'])
    expect(reasons).toEqual([{ path: 'big', reason: expect.stringContaining('5001 bytes') }])
  })

  it('refuses a change of too many files and says where they are', () => {
    const entries = Array.from({ length: 101 }, (_, number) => file(`generated/${number}`, ''))
    expect(() => select({ entries })).toThrow(/at most 100 files.*found 101 files.*"generated\/" \(101\)/)
    expect(() => select({ entries: entries.slice(1) })).not.toThrow()
  })

  it('refuses a change of too many bytes', () => {
    const entries = [1, 2, 3].map((number) => file(`f${number}`, 'x'.repeat(4000)))
    expect(() => select({ entries })).toThrow(
      expect.objectContaining({ code: 'change-too-large', category: 'invalid-input' }),
    )
  })

  it('is not kept busy by a hostile ignore file', () => {
    const hostile = `${'**/a/'.repeat(12)}b\n`.repeat(200)
    const path = `${'a/'.repeat(300)}c`
    const entries = [file('.gitignore', hostile), file(path, 'x')]
    const startedAt = performance.now()
    try {
      select({ entries, ceilings: { ...CEILINGS, maxFileBytes: 100_000, maxBytes: 100_000 } })
    } catch (error) {
      expect(error).toMatchObject({ category: 'invalid-input', code: 'patterns-too-complex' })
    }
    expect(performance.now() - startedAt).toBeLessThan(8000)
  })
})
