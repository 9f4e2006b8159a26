import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loadBaseContents } from './rule-files.ts'
import { selectChange, type WorkspaceChange } from './select-change.ts'
import { type Fixture, startFixture } from './testing/store-fixture.ts'

let fixture: Fixture
beforeEach(async () => {
  fixture = await startFixture()
})
afterEach(() => fixture.stop())

const write = (path: string, content: string) => {
  mkdirSync(join(fixture.clone, path, '..'), { recursive: true })
  writeFileSync(join(fixture.clone, path), content)
}

it('loads only the rule files above changed paths, and a change goes from listing to commit with them', async () => {
  write('.gitignore', '*.log\n')
  write('a/.gitignore', '!keep.log\n')
  write('a/.gitattributes', '*.txt text\n')
  write('unrelated/.gitignore', '*\n')
  write('old.md', 'was\r\n')
  const base = fixture.commitAll('base')
  const store = await fixture.open()
  await store.fetchBranch('trunk')
  const baseTreeId = await store.treeOf(base)
  const baseEntries = await store.listTree(baseTreeId)
  const file = (path: string, content: string) =>
    ({ kind: 'file', path, executable: false, bytes: Buffer.from(content) }) as const
  const change: WorkspaceChange = {
    entries: [file('a/x.log', 'x'), file('a/keep.log', 'k'), file('a/n.txt', '1\r\n'), file('old.md', 'is\r\n')],
    deletedPaths: [],
    setupPaths: new Set(),
  }
  const baseContents = await loadBaseContents(store, { baseTreeId, baseEntries, change, maxFileBytes: 1000 })
  expect([...baseContents.ruleFiles.keys()]).toEqual(['.gitignore', 'a/.gitattributes', 'a/.gitignore'])
  expect([...baseContents.crlfPaths]).toEqual(['old.md'])
  const ceilings = { maxFiles: 10, maxBytes: 1000, maxFileBytes: 1000 }
  const { changes } = selectChange({ baseEntries, change, baseContents, ceilings })
  const treeId = await store.writeTree(baseTreeId, changes)
  const commitId = await store.commit({ treeId, parents: [base], message: 'change', atMs: 0 })
  expect((await store.diffSummary(base, commitId)).map(({ kind, path }) => `${kind} ${path}`)).toEqual([
    'created a/keep.log',
    'created a/n.txt',
    'modified old.md',
  ])
  expect(Buffer.from((await store.readFile(treeId, 'a/n.txt', 10)) ?? [])).toEqual(Buffer.from('1\n'))
})
