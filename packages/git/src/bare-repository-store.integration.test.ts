import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { objectIdSchema } from '@devbot/contracts'
import { extract } from 'tar-stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runGit } from './testing/git-http-server.ts'
import { type Fixture, put, remove, startFixture } from './testing/store-fixture.ts'

let fixture: Fixture
beforeEach(async () => {
  fixture = await startFixture()
})
afterEach(() => fixture.stop())

const write = (path: string, content: string | Uint8Array) => {
  mkdirSync(join(fixture.clone, path, '..'), { recursive: true })
  writeFileSync(join(fixture.clone, path), content)
}

const unpack = async (tar: NodeJS.ReadableStream) => {
  const files = new Map<string, { type: string; mode: number; content: Buffer; target: string | undefined }>()
  const reader = tar.pipe(extract())
  for await (const entry of reader) {
    const { name, type, mode, linkname } = entry.header
    files.set(name, { type: type ?? '', mode: mode ?? 0, content: await buffer(entry), target: linkname ?? undefined })
  }
  return files
}

describe('openRepositoryStore: reading', () => {
  it('fetches a default branch that is not main with its history', async () => {
    write('a.txt', '1')
    const first = fixture.commitAll('first')
    write('a.txt', '2')
    const second = fixture.commitAll('second\n\nWith a body.\n\nDevBot-Task: t0')
    const store = await fixture.open()
    expect(await store.fetchBranch('trunk')).toBe(second)
    expect(await store.hasCommit(first)).toBe(true)
    expect(await store.commitMessage(second)).toBe('second\n\nWith a body.\n\nDevBot-Task: t0\n')
    expect(await store.isAncestor(first, second)).toBe(true)
    expect(await store.isAncestor(second, first)).toBe(false)
    expect(await store.mergeBase(first, second)).toBe(first)
  })

  it('answers whether a commit is there without failing for unknown ids and for trees', async () => {
    write('a', '1')
    const store = await fixture.open()
    const head = fixture.commitAll('first')
    await store.fetchBranch('trunk')
    expect(await store.hasCommit(objectIdSchema.parse('1'.repeat(40)))).toBe(false)
    expect(await store.hasCommit(await store.treeOf(head))).toBe(false)
    expect(await store.isAncestor(objectIdSchema.parse('1'.repeat(40)), head)).toBe(false)
  })

  it('has no merge base for unrelated histories', async () => {
    write('a', '1')
    const first = fixture.commitAll('first')
    runGit(fixture.clone, ['checkout', '-q', '--orphan', 'other'])
    const second = fixture.commitAll('unrelated', 'other')
    const store = await fixture.open()
    await store.fetchBranch('trunk')
    await store.fetchBranch('other')
    expect(await store.mergeBase(first, second)).toBeUndefined()
  })

  it('lists non-ASCII, binary, linked and executable files and reads regular ones', async () => {
    write('Übergröße/日本 語.txt', 'text')
    write('data.bin', Buffer.from([0, 255, 13, 10, 0]))
    write('run.sh', '#!/bin/sh\n')
    write('"quoted"\tname', 'x')
    chmodSync(join(fixture.clone, 'run.sh'), 0o755)
    symlinkSync('run.sh', join(fixture.clone, 'link'))
    const head = fixture.commitAll('all kinds')
    const store = await fixture.open()
    await store.fetchBranch('trunk')
    const tree = await store.treeOf(head)
    const entries = await store.listTree(tree)
    expect(entries.map(({ mode, path }) => `${mode} ${path}`)).toEqual([
      '100644 "quoted"\tname',
      '100644 data.bin',
      '120000 link',
      '100755 run.sh',
      '100644 Übergröße/日本 語.txt',
    ])
    expect(await store.treeBytes(tree)).toBe(1 + 5 + 'run.sh'.length + '#!/bin/sh\n'.length + 4)
    expect(await store.readFile(tree, 'data.bin', 5)).toEqual(new Uint8Array([0, 255, 13, 10, 0]))
    expect(await store.readFile(tree, 'Übergröße/日本 語.txt', 100)).toEqual(new Uint8Array(Buffer.from('text')))
    expect(await store.readFile(tree, 'data.bin', 4)).toBeUndefined()
    expect(await store.readFile(tree, 'link', 100)).toBeUndefined()
    expect(await store.readFile(tree, 'Übergröße', 100)).toBeUndefined()
    expect(await store.readFile(tree, 'missing', 100)).toBeUndefined()
    expect(await store.readFile(tree, '*', 100)).toBeUndefined()
    expect(await store.readFile(tree, '', 100)).toBeUndefined()
    const paths = ['run.sh', 'data.bin', 'link', 'Übergröße/日本 語.txt', '"quoted"\tname', '*', '', 'missing']
    expect(Object.fromEntries(await store.readFiles(tree, paths, 9))).toEqual({
      'run.sh': { kind: 'too-large', sizeBytes: 10 },
      'data.bin': { kind: 'file', bytes: new Uint8Array([0, 255, 13, 10, 0]) },
      link: { kind: 'link' },
      'Übergröße/日本 語.txt': { kind: 'file', bytes: new Uint8Array(Buffer.from('text')) },
      '"quoted"\tname': { kind: 'file', bytes: new Uint8Array(Buffer.from('x')) },
    })
    expect([...(await store.readFiles(tree, ['Übergröße'], 9))]).toEqual([['Übergröße', { kind: 'folder' }]])
    expect((await store.readFiles(tree, [], 9)).size).toBe(0)
  })

  it('reads several paths with the same content, and an empty file', async () => {
    write('a', 'same')
    write('b', 'same')
    write('empty', '')
    const head = fixture.commitAll('twins')
    const store = await fixture.open()
    await store.fetchBranch('trunk')
    const found = await store.readFiles(await store.treeOf(head), ['a', 'b', 'empty'], 100)
    expect([...found.values()].map((file) => file.kind === 'file' && Buffer.from(file.bytes).toString())).toEqual([
      'same',
      'same',
      '',
    ])
  })

  it('exports raw blobs and leaves nothing out, whatever the attributes of a hostile tree say', async () => {
    write(
      '.gitattributes',
      '[attr]evil export-ignore export-subst ident\n* evil\n*.txt text eol=crlf working-tree-encoding=UTF-16 filter=evil\n',
    )
    write('hidden/secret.txt', '$Format:%H$ $Id$\nline\n')
    write('hidden/.gitattributes', '* export-ignore\n')
    write('run.sh', 'x')
    chmodSync(join(fixture.clone, 'run.sh'), 0o755)
    symlinkSync('hidden/secret.txt', join(fixture.clone, 'link'))
    const blob = runGit(fixture.clone, ['hash-object', '-w', '--no-filters', 'hidden/secret.txt']).trim()
    runGit(fixture.clone, ['update-index', '--add', '--cacheinfo', `100644,${blob},hidden/secret.txt`])
    runGit(fixture.clone, ['add', '.gitattributes', 'hidden/.gitattributes', 'run.sh', 'link'])
    runGit(fixture.clone, ['update-index', '--add', '--cacheinfo', `160000,${'a'.repeat(40)},vendor/module`])
    runGit(fixture.clone, ['commit', '-q', '-m', 'hostile'])
    runGit(fixture.clone, ['push', '-q', fixture.server.repository, 'HEAD:refs/heads/trunk'])
    const store = await fixture.open()
    const head = await store.fetchBranch('trunk')
    const files = await unpack(store.exportTree(await store.treeOf(head)))
    expect(files.get('hidden/secret.txt')?.content.toString()).toBe('$Format:%H$ $Id$\nline\n')
    expect(files.has('hidden/.gitattributes')).toBe(true)
    expect(files.get('run.sh')?.mode).toBe(0o755)
    expect(files.get('link')).toMatchObject({ type: 'symlink', target: 'hidden/secret.txt' })
    expect(files.get('vendor/module/')).toMatchObject({ type: 'directory' })
  })

  it('fails the export stream for a tree that is not there', async () => {
    const store = await fixture.open()
    const stream = store.exportTree(objectIdSchema.parse('1'.repeat(40)))
    await expect(buffer(stream)).rejects.toMatchObject({ code: 'git-command-failed' })
  })

  it('is usable again after a crash left a lock and half-written files behind', async () => {
    write('a', '1')
    fixture.commitAll('first')
    const before = await fixture.open()
    await before.fetchBranch('trunk')
    const refs = execFileSync('find', [join(fixture.directory, 'refs'), '-type', 'f'], { encoding: 'utf8' }).trim()
    const old = new Date(Date.now() - 7_200_000)
    for (const path of [`${refs}.lock`, join(fixture.directory, 'objects/pack/tmp_pack_x')]) {
      writeFileSync(path, '')
      utimesSync(path, old, old)
    }
    write('a', '2')
    const second = fixture.commitAll('second')
    const store = await fixture.open()
    expect(await store.fetchBranch('trunk')).toBe(second)
  })

  it('says that a branch is missing', async () => {
    write('a', '1')
    fixture.commitAll('first')
    const store = await fixture.open()
    await expect(store.fetchBranch('nowhere')).rejects.toMatchObject({
      category: 'invalid-input',
      code: 'git-branch-missing',
    })
    expect(await store.remoteHead('nowhere')).toBeUndefined()
  })

  it.each(['--upload-pack=touch /tmp/x', 'a b', 'x..y', 'refs/heads/x'])('refuses the branch name %j', async (name) => {
    const store = await fixture.open()
    await expect(store.fetchBranch(name)).rejects.toMatchObject({ code: 'git-branch-name-refused' })
  })

  it.each(['file:///etc', 'ssh://host/a.git', 'https://user:secret@host/a.git', 'ext::sh -c id', '/tmp/x'])(
    'refuses the remote address %j without repeating it',
    async (remoteUrl) => {
      const opening = fixture.open({ remoteUrl })
      await expect(opening).rejects.toMatchObject({ code: 'git-remote-url-refused' })
      await expect(opening).rejects.not.toThrow(remoteUrl)
    },
  )
})

describe('openRepositoryStore: writing', () => {
  it('gives the same tree and commit ids as git for the same content', async () => {
    write('keep.txt', 'keep')
    write('old/deep/file.txt', 'old')
    write('becomes-folder', 'file')
    write('becomes-file/x', 'x')
    const base = fixture.commitAll('base')
    const store = await fixture.open()
    await store.fetchBranch('trunk')
    const changes = [
      put('new/Ünïcode.txt', 'ü'),
      put('empty', ''),
      put('bin', new Uint8Array([0, 1, 2, 255])),
      put('run.sh', '#!/bin/sh\n', '100755'),
      put('link', 'run.sh', '120000'),
      put('becomes-folder/inner', 'i'),
      put('becomes-file', 'f'),
      remove('old/deep/file.txt'),
    ]
    const baseTree = await store.treeOf(base)
    const tree = await store.writeTree(baseTree, changes)
    expect(await store.writeTree(baseTree, changes.toReversed())).toBe(tree)

    runGit(fixture.clone, ['rm', '-q', '-r', 'old', 'becomes-folder', 'becomes-file'])
    for (const change of changes) {
      if (change.kind === 'put' && change.mode !== '120000') write(change.path, change.bytes)
    }
    symlinkSync('run.sh', join(fixture.clone, 'link'))
    chmodSync(join(fixture.clone, 'run.sh'), 0o755)
    fixture.commitAll('by git')
    expect(tree).toBe(runGit(fixture.clone, ['rev-parse', 'HEAD^{tree}']).trim())

    const input = { treeId: tree, parents: [base], message: 'Add things\n\nDevBot-Task: t1\n', atMs: 1_700_000_000_500 }
    const commit = await store.commit(input)
    expect(await store.commit(input)).toBe(commit)
    const shown = runGit(fixture.directory, ['cat-file', 'commit', commit])
    expect(shown).toBe(
      `tree ${tree}\nparent ${base}\nauthor DevBot <devbot@example.com> 1700000000 +0000\n` +
        `committer DevBot <devbot@example.com> 1700000000 +0000\n\nAdd things\n\nDevBot-Task: t1\n`,
    )
  })

  it('gives the base tree back when nothing changes', async () => {
    write('a', '1')
    const base = fixture.commitAll('base')
    const store = await fixture.open()
    await store.fetchBranch('trunk')
    const tree = await store.treeOf(base)
    expect(await store.writeTree(tree, [])).toBe(tree)
    expect(await store.writeTree(tree, [put('a', '1')])).toBe(tree)
  })

  it.each([
    [[put('.git/config', 'x')]],
    [[put('a/../../b', 'x')]],
    [[put('/etc/passwd', 'x')]],
    [[put('a', 'x'), put('a', 'y')]],
    [[put('a', 'x'), put('a/b', 'y')]],
    [[put('GIT~1/config', 'x')]],
  ])('refuses to build a tree with bad paths (%#)', async (changes) => {
    write('base', '1')
    const base = fixture.commitAll('base')
    const store = await fixture.open()
    await store.fetchBranch('trunk')
    await expect(store.writeTree(await store.treeOf(base), changes)).rejects.toMatchObject({ code: 'git-path-refused' })
  })

  it('lets content named like hooks, configuration and attributes have no effect', async () => {
    write('base', '1')
    const base = fixture.commitAll('base')
    const store = await fixture.open()
    await store.fetchBranch('trunk')
    const marker = join(fixture.root, 'executed')
    const tree = await store.writeTree(await store.treeOf(base), [
      put('hooks/pre-push', `#!/bin/sh\ntouch ${marker}\n`, '100755'),
      put('config', `[core]\n\tfsmonitor = touch ${marker}\n\thooksPath = hooks\n`),
      put('.gitconfig', `[core]\n\tpager = touch ${marker}\n`),
      put('.gitattributes', '* filter=evil diff=evil text eol=crlf\n'),
      put('text.txt', 'a\r\nb\r\n'),
    ])
    const commit = await store.commit({ treeId: tree, parents: [base], message: 'hostile', atMs: 0 })
    await store.diffText(base, commit, 10_000)
    await buffer(store.exportTree(tree))
    await store.push({ commitId: commit, branch: 'agent/hostile', expectedHeadId: undefined })
    expect(() => readFileSync(marker)).toThrow('ENOENT')
    expect(await store.readFile(tree, 'text.txt', 100)).toEqual(new Uint8Array(Buffer.from('a\r\nb\r\n')))
  })

  it('keeps two tasks apart that fetch, build, commit and push in one store at once', async () => {
    write('shared', '1')
    const base = fixture.commitAll('base')
    const work = async (number: number) => {
      const store = await fixture.open()
      await Promise.all([store.fetchBranch('trunk'), store.fetchBranch('trunk')])
      const tree = await store.writeTree(await store.treeOf(base), [put(`file-${number}`, `${number}`)])
      const commit = await store.commit({ treeId: tree, parents: [base], message: `task ${number}`, atMs: number })
      await store.push({ commitId: commit, branch: `agent/task-${number}`, expectedHeadId: undefined })
      return commit
    }
    const commits = await Promise.all([1, 2, 3, 4].map(work))
    expect([1, 2, 3, 4].map((number) => fixture.serverHead(`agent/task-${number}`))).toEqual(commits)
    expect(fixture.serverHead('trunk')).toBe(base)
    const names = [1, 2, 3, 4].map((n) =>
      runGit(fixture.server.repository, ['diff-tree', '--name-only', '-r', base, `agent/task-${n}`]).trim(),
    )
    expect(names).toEqual(['file-1', 'file-2', 'file-3', 'file-4'])
  })

  it("does not confuse branches whose names are each other's folders", async () => {
    write('a', '1')
    const head = fixture.commitAll('first', 'topic')
    const store = await fixture.open()
    await store.fetchBranch('topic')
    fixture.server.git('update-ref', '-d', 'refs/heads/topic')
    const second = fixture.commitAll('second', 'topic/inner')
    expect(second).not.toBe(head)
    expect(await store.fetchBranch('topic/inner')).toBe(second)
  })
})

describe('openRepositoryStore: differences', () => {
  it('summarises rename, delete, creation, binary, mode, type and non-ASCII as name-status does', async () => {
    write('moved/from.txt', Array.from({ length: 30 }, (_, line) => `line ${line}`).join('\n'))
    write('gone.txt', 'a\nb\n')
    write('bin', Buffer.from([0, 1]))
    write('run.sh', 'x\n')
    write('type', 'file\n')
    write('größe.txt', '1\n')
    const base = fixture.commitAll('base')
    runGit(fixture.clone, ['mv', 'moved/from.txt', 'to ünï.txt'])
    runGit(fixture.clone, ['rm', '-q', 'gone.txt', 'type'])
    write('bin', Buffer.from([0, 2]))
    chmodSync(join(fixture.clone, 'run.sh'), 0o755)
    symlinkSync('bin', join(fixture.clone, 'type'))
    write('größe.txt', '1\n2\n')
    write('tab\tand\nnewline', 'x\n')
    const head = fixture.commitAll('change')
    const store = await fixture.open()
    await store.fetchBranch('trunk')
    const summary = await store.diffSummary(base, head)
    expect(summary).toEqual([
      { kind: 'modified', path: 'bin' },
      { kind: 'deleted', path: 'gone.txt', addedLines: 0, deletedLines: 2 },
      { kind: 'modified', path: 'größe.txt', addedLines: 1, deletedLines: 0 },
      { kind: 'modified', path: 'run.sh', addedLines: 0, deletedLines: 0 },
      { kind: 'created', path: 'tab\tand\nnewline', addedLines: 1, deletedLines: 0 },
      { kind: 'renamed', path: 'to ünï.txt', previousPath: 'moved/from.txt', addedLines: 0, deletedLines: 0 },
      { kind: 'type-changed', path: 'type', addedLines: 1, deletedLines: 1 },
    ])
    const letters = { created: 'A', modified: 'M', deleted: 'D', renamed: 'R100', 'type-changed': 'T' }
    const own = summary.map((change) =>
      [letters[change.kind], change.previousPath ?? [], change.path].flat().join('\0'),
    )
    const git = runGit(fixture.clone, ['diff', '-M', '-z', '--name-status', base, head])
    expect(`${own.join('\0')}\0`).toBe(git)
  })

  it('cuts the diff text at a whole character', async () => {
    write('a.txt', 'ä\n'.repeat(1000))
    const base = fixture.commitAll('base')
    write('a.txt', 'ö\n'.repeat(1000))
    const head = fixture.commitAll('change')
    const store = await fixture.open()
    await store.fetchBranch('trunk')
    const whole = await store.diffText(base, head, 1_000_000)
    expect(whole).toContain('+ö')
    expect(await store.diffText(base, head, 1_000_000)).toBe(whole)
    for (const size of [401, 402, 403, 404]) {
      const cut = await store.diffText(base, head, size)
      expect(Buffer.byteLength(cut)).toBeGreaterThan(size - 4)
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(size)
      expect(whole.startsWith(cut)).toBe(true)
    }
  })
})
