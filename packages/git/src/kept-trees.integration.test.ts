import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { type ObjectId, objectIdSchema } from '@devbot/contracts'
import { extract } from 'tar-stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RepositoryStore } from './repository-store.ts'
import { runGit } from './testing/git-http-server.ts'
import { type Fixture, put, remove, startFixture } from './testing/store-fixture.ts'

const EMPTY_TREE = objectIdSchema.parse('4b825dc642cb6eb9a060e54bf8d69288fbee4904')

let fixture: Fixture
let store: RepositoryStore
beforeEach(async () => {
  fixture = await startFixture()
  store = await fixture.open()
  runGit(fixture.directory, ['hash-object', '-t', 'tree', '-w', '/dev/null'])
})
afterEach(() => fixture.stop())

describe('keepTree', () => {
  const tidyUp = () => runGit(fixture.directory, ['gc', '-q', '--prune=now'])

  it('keeps a tree through a collection of garbage, and no longer once it is let go', async () => {
    const kept = await store.writeTree(EMPTY_TREE, [put('a/b', 'kept')])
    const replaced = await store.writeTree(EMPTY_TREE, [put('a/b', 'replaced')])
    await store.keepTree('run-1', replaced)
    await store.keepTree('run-1', kept)
    tidyUp()
    expect(await store.hasWholeTree(kept)).toBe(true)
    expect(await store.hasWholeTree(replaced)).toBe(false)
    await store.letTreeGo('run-1')
    await store.letTreeGo('run-1')
    tidyUp()
    expect(await store.hasWholeTree(kept)).toBe(false)
  })

  it('refuses names that could lead elsewhere', async () => {
    for (const name of ['', '../heads/main', 'a/b', 'a..b', '-d', 'x.lock']) {
      await expect(store.keepTree(name, EMPTY_TREE)).rejects.toMatchObject({ category: 'bug' })
    }
  })

  it('goes on fetching beside kept trees', async () => {
    await store.keepTree('run-1', await store.writeTree(EMPTY_TREE, [put('a', '1')]))
    const head = fixture.commitAll('first')
    expect(await store.fetchBranch('trunk')).toBe(head)
  })
})

describe('writeKeptTree', () => {
  it('makes the tree that writeTree makes, and keeps the newest', async () => {
    const base = await store.writeTree(EMPTY_TREE, [put('a', '1'), put('d/x', 'x'), put('d/y', 'y'), put('f', 'f')])
    const changes = [
      put('a', '2', '100755'),
      put('ä "odd" \' x.txt', Buffer.from([0, 10, 255])),
      put('copy', '2'),
      remove('d/x'),
      remove('d/y'),
      put('d', 'now a file'),
      remove('f'),
      put('f/in', ''),
      put('link', 'a', '120000'),
    ]
    await store.keepTree('base', base)
    const other = await store.writeKeptTree('run-1', base, [put('other', 'o')])
    const kept = await store.writeKeptTree('run-1', base, changes)
    expect(kept).toBe(await store.writeTree(base, changes))
    runGit(fixture.directory, ['gc', '-q', '--prune=now'])
    expect(await store.hasWholeTree(kept)).toBe(true)
    expect(await store.hasWholeTree(other)).toBe(false)
    expect(await store.writeKeptTree('run-1', kept, [])).toBe(kept)
    expect(await store.writeKeptTree('run-2', kept, [remove('never there'), remove('line\nend')])).toBe(kept)
    await store.keepTree('run-1', kept)
    expect(await store.writeKeptTree('run-1', base, changes)).toBe(kept)
  })

  it('refuses what may not be part of a change', async () => {
    for (const path of ['.git/config', 'a/../b', 'x\ny']) {
      const writing = store.writeKeptTree('run-1', EMPTY_TREE, [put(path, 'x')])
      await expect(writing).rejects.toMatchObject({ code: 'git-path-refused' })
    }
  })
})

describe('hasWholeTree', () => {
  it('says no when a file of the tree is missing', async () => {
    const tree = await store.writeTree(EMPTY_TREE, [put('a/b', 'gone'), put('c', 'there')])
    expect(await store.hasWholeTree(tree)).toBe(true)
    const id = runGit(fixture.directory, ['rev-parse', `${tree}:a/b`]).trim()
    rmSync(join(fixture.directory, 'objects', id.slice(0, 2), id.slice(2)))
    expect(await store.hasWholeTree(tree)).toBe(false)
  })
})

describe('exportDifference', () => {
  it('gives only what differs, and what has to go first', async () => {
    const from = await store.writeTree(EMPTY_TREE, [
      put('same', 's'),
      put('changed', '1'),
      put('becomes-executable', 'x'),
      put('gone/deep/file', 'g'),
      put('folder/in', 'f'),
      put('file', 'f'),
      put('becomes-link', 'l'),
    ])
    const to = await store.writeTree(from, [
      put('changed', '2'),
      put('becomes-executable', 'x', '100755'),
      remove('gone/deep/file'),
      remove('folder/in'),
      put('folder', 'now a file'),
      remove('file'),
      put('file/ä "quoted"\'', 'in'),
      put('becomes-link', 'changed', '120000'),
    ])
    const { tar, removedPaths } = await store.exportDifference(from, to)
    expect(await contentsOf(tar)).toEqual({
      changed: 'file 2',
      'becomes-executable': 'executable x',
      folder: 'file now a file',
      'file/ä "quoted"\'': 'file in',
      'becomes-link': 'link changed',
    })
    expect([...removedPaths].sort()).toEqual(['becomes-link', 'file', 'folder', 'folder/in', 'gone/deep/file'])
  })

  it('gives nothing for equal trees, and only removals where all was deleted', async () => {
    const tree = await store.writeTree(EMPTY_TREE, [put('a', '1')])
    expect(await difference(tree, tree)).toEqual({ files: {}, removedPaths: [] })
    expect(await difference(tree, EMPTY_TREE)).toEqual({ files: {}, removedPaths: ['a'] })
  })

  it('leaves nothing out for what attributes say', async () => {
    const tree = await store.writeTree(EMPTY_TREE, [put('.gitattributes', 'x export-ignore\n'), put('x', '$Id$')])
    expect((await difference(EMPTY_TREE, tree)).files).toMatchObject({ x: 'file $Id$' })
  })

  async function difference(from: ObjectId, to: ObjectId) {
    const { tar, removedPaths } = await store.exportDifference(from, to)
    return { files: await contentsOf(tar), removedPaths }
  }
})

/** Folders are left out. */
async function contentsOf(tar: NodeJS.ReadableStream): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  for await (const entry of tar.pipe(extract())) {
    const { name, type, mode = 0, linkname } = entry.header
    const content = (await buffer(entry)).toString()
    if (type === 'symlink') files[name] = `link ${linkname}`
    else if (type !== 'directory') files[name] = `${(mode & 0o100) === 0 ? 'file' : 'executable'} ${content}`
  }
  return files
}
