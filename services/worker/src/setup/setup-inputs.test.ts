import { createHash } from 'node:crypto'
import { objectIdSchema } from '@devbot/contracts'
import type { TreeEntry } from '@devbot/git'
import { describe, expect, it } from 'vitest'
import { setupInputsFor } from './setup-inputs.ts'
import { type SetupKeyFacts, setupKey } from './setup-key.ts'

const idOf = (text: string) => objectIdSchema.parse(createHash('sha1').update(text).digest('hex'))
const treeId = idOf('tree')

/** A tree as the bare store shows it. */
function treeOf(files: Readonly<Record<string, string>>, modes: Readonly<Record<string, TreeEntry['mode']>> = {}) {
  return {
    listTree: async () =>
      Object.entries(files).map(
        ([path, text]): TreeEntry => ({
          path,
          mode: modes[path] ?? '100644',
          objectId: idOf(text),
        }),
      ),
    readFile: async (_tree: unknown, path: string) =>
      files[path] === undefined ? undefined : new Uint8Array(Buffer.from(files[path])),
  }
}

const inputsOf = (
  files: Readonly<Record<string, string>>,
  command = 'npm ci',
  options: { readonly workdir?: string; readonly modes?: Readonly<Record<string, TreeEntry['mode']>> } = {},
) => setupInputsFor(treeOf(files, options.modes), treeId, { command, workdir: options.workdir })

const pathsOf = async (...args: Parameters<typeof inputsOf>) => {
  const inputs = await inputsOf(...args)
  return inputs.kind === 'tree' ? 'the whole tree' : inputs.files.map(({ path }) => path).sort()
}

const PLAIN = { 'package.json': '{"scripts":{"test":"node --test"}}', 'package-lock.json': '{}', 'src/a.js': '1' }

describe('setupInputsFor', () => {
  it('narrows a plain installation to manifests and lock files, wherever they are', async () => {
    const files = { ...PLAIN, 'packages/b/package.json': '{}', '.npmrc': 'fund=false', 'README.md': '' }
    expect(await pathsOf(files)).toEqual(['.npmrc', 'package-lock.json', 'package.json', 'packages/b/package.json'])
  })

  it('counts everything below folders that package managers run or unpack', async () => {
    const files = { ...PLAIN, '.yarn/cache/a.zip': 'x', 'patches/a.patch': 'x', 'sub/.cargo/config.toml': 'x' }
    expect(await pathsOf(files)).toEqual([
      '.yarn/cache/a.zip',
      'package-lock.json',
      'package.json',
      'patches/a.patch',
      'sub/.cargo/config.toml',
    ])
  })

  it('takes the files a command names, from the working directory', async () => {
    const files = { 'api/deps/base.txt': 'requests==2\n', 'deps/base.txt': 'other\n' }
    expect(await pathsOf(files, 'pip install -r ./deps/base.txt', { workdir: 'api' })).toEqual(['api/deps/base.txt'])
    expect(await pathsOf(files, 'pip install -r missing.txt')).toBe('the whole tree')
    expect(await pathsOf(files, 'pip install -r ../deps/base.txt', { workdir: 'api' })).toBe('the whole tree')
  })

  it.each([
    { why: 'a script of the repository', files: PLAIN, command: 'make setup' },
    { why: 'a script that runs on installation', files: { 'package.json': '{"scripts":{"postinstall":"node x.js"}}' } },
    { why: 'one in a workspace', files: { ...PLAIN, 'packages/b/package.json': '{"scripts":{"prepare":"tsc"}}' } },
    { why: 'a dependency that is a folder', files: { 'package.json': '{"dependencies":{"b":"file:./b"}}' } },
    { why: 'a manifest that cannot be read', files: { 'package.json': '{ "scripts": ' } },
    { why: 'settings that name a program', files: { ...PLAIN, '.npmrc': 'fund=false\nscript-shell=./shell.sh\n' } },
    { why: 'code of pnpm’s hooks', files: { ...PLAIN, '.pnpmfile.cjs': '' } },
    { why: 'a native module of the repository itself', files: { ...PLAIN, 'binding.gyp': '' } },
    { why: 'a yarn that the repository brings', files: { ...PLAIN, '.yarnrc.yml': 'yarnPath: .yarn/yarn.cjs' } },
    {
      why: 'a requirement that is a folder',
      files: { 'requirements.txt': 'requests\n./libs/own\n' },
      command: 'pip install -r requirements.txt',
    },
    {
      why: 'requirements that name others',
      files: { 'requirements.txt': '-r base.in\n' },
      command: 'pip install -r requirements.txt',
    },
  ])('counts the whole tree for $why', async ({ files, command = 'npm ci' }) => {
    expect(await pathsOf(files, command)).toBe('the whole tree')
  })

  it('counts the whole tree when a manifest is a link, which may lead anywhere', async () => {
    expect(await pathsOf(PLAIN, 'npm ci', { modes: { 'package.json': '120000' } })).toBe('the whole tree')
  })

  it('does not mind scripts on installation when they are switched off', async () => {
    const files = { ...PLAIN, 'package.json': '{"scripts":{"postinstall":"node x.js"}}' }
    expect(await pathsOf(files, 'npm ci --ignore-scripts')).toEqual(['package-lock.json', 'package.json'])
  })

  it('counts the whole tree when there are more manifests than are looked into', async () => {
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`p${index}/package.json`, '{}']))
    expect(await pathsOf(many)).toBe('the whole tree')
  })
})

describe('setupKey', () => {
  const facts: SetupKeyFacts = {
    environmentId: 'docker sha256:1',
    repositoryId: 1,
    scope: { kind: 'base', branch: 'main' },
    command: 'npm ci',
    workdir: undefined,
    inputs: { kind: 'files', files: [{ path: 'a', mode: '100644', objectId: idOf('a') }] },
  }

  it('is the same for the same facts, in whatever order the files come', () => {
    const files = ['b', 'a', 'c'].map((path): TreeEntry => ({ path, mode: '100644', objectId: idOf(path) }))
    expect(setupKey(facts)).toMatch(/^[0-9a-f]{64}$/)
    expect(setupKey({ ...facts, inputs: { kind: 'files', files } })).toBe(
      setupKey({ ...facts, inputs: { kind: 'files', files: files.toReversed() } }),
    )
  })

  it('differs as soon as one fact does', () => {
    const file = { path: 'a', mode: '100644', objectId: idOf('a') } as const
    const others: readonly SetupKeyFacts[] = [
      facts,
      { ...facts, environmentId: 'docker sha256:2' },
      { ...facts, repositoryId: 2 },
      { ...facts, scope: { kind: 'base', branch: 'next' } },
      { ...facts, scope: { kind: 'task', branch: 'main' } },
      { ...facts, command: 'npm ci ' },
      { ...facts, workdir: 'api' },
      { ...facts, inputs: { kind: 'tree', treeId } },
      { ...facts, inputs: { kind: 'files', files: [] } },
      { ...facts, inputs: { kind: 'files', files: [{ ...file, objectId: idOf('b') }] } },
      { ...facts, inputs: { kind: 'files', files: [{ ...file, path: 'b' }] } },
      { ...facts, inputs: { kind: 'files', files: [{ ...file, mode: '100755' }] } },
    ]
    expect(new Set(others.map(setupKey)).size).toBe(others.length)
  })
})
