import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestGitHub, type TestGitHub, TOKENS } from '../testing/start-test-github.ts'

let hub: TestGitHub
beforeAll(async () => {
  hub = await startTestGitHub({ organizations: ['org'] })
})
afterAll(() => hub.stop())

async function cloneOf(owner: string, name: string): Promise<string> {
  const directory = join(hub.folder, `of-${name}`)
  const address = hub.addressFor(TOKENS.devbot).replace('alice/demo.git', `${owner}/${name}.git`)
  await hub.git(hub.folder, 'clone', '--quiet', address, directory)
  return directory
}

describe('seedRepository', () => {
  test('takes a folder with its modes and links as a commit, and changes on top as the next', async () => {
    const source = join(hub.folder, 'source')
    await mkdir(join(source, 'node_modules'), { recursive: true })
    await writeFile(join(source, 'run.sh'), '#!/bin/sh\n')
    await chmod(join(source, 'run.sh'), 0o755)
    await symlink('run.sh', join(source, 'link'))
    await writeFile(join(source, 'node_modules/left-out.js'), '')
    await hub.github.seedRepository({
      owner: 'org',
      name: 'from-folder',
      history: [
        { message: 'Snapshot', directory: source },
        { message: 'On top', files: { 'a "quoted" ünï.txt': 'x\n', link: null } },
      ],
    })
    const directory = await cloneOf('org', 'from-folder')
    const tree = (commit: string) => hub.git(directory, '-c', 'core.quotePath=false', 'ls-tree', '-r', '-z', commit)
    expect((await tree('HEAD~1')).split('\0').map((line) => line.replace(/ blob .*\t/, ' '))).toEqual(
      expect.arrayContaining(['100755 run.sh', '120000 link']),
    )
    expect(await tree('HEAD')).toContain('a "quoted" ünï.txt')
    expect(await tree('HEAD')).not.toMatch(/link|left-out/)
  })

  test('copies branches from a repository and from a bundle', async () => {
    const original = await hub.clone()
    await hub.git(original, 'branch', 'side')
    const head = await hub.git(original, 'rev-parse', 'HEAD')
    const bundle = join(hub.folder, 'all.bundle')
    await hub.git(original, 'bundle', 'create', '--quiet', bundle, '--branches')
    for (const [name, copyFrom] of [
      ['from-repository', original],
      ['from-bundle', bundle],
    ] as const) {
      await hub.github.seedRepository({ owner: 'alice', name, defaultBranch: 'trunk', copyFrom })
      const side = await hub.octokit('devbot').git.getRef({ owner: 'alice', repo: name, ref: 'heads/side' })
      expect(side.data.object.sha).toBe(head)
    }
  })

  test('refuses an owner nobody knows, and a name that is taken', async () => {
    const owner = hub.github.seedRepository({ owner: 'nobody', name: 'x' })
    await expect(owner).rejects.toMatchObject({ code: 'local-github-repository-invalid' })
    const taken = hub.github.seedRepository({ owner: 'alice', name: 'demo' })
    await expect(taken).rejects.toMatchObject({ message: expect.stringContaining('exists already') })
  })
})
