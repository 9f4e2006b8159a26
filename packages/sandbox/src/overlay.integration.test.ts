import { Readable } from 'node:stream'
import { pack } from 'tar-stream'
import { afterAll, describe, expect, it } from 'vitest'
import { initThrowawayRepository } from './init-throwaway-repository.ts'
import { sh, tarOf } from './testing/make-sandbox.ts'
import { dockerPlaces, type Place, processPlaces } from './testing/places.ts'

const limits = { maxFiles: 1000, maxBytes: 10_000_000 }
const processes = processPlaces()
const docker = await dockerPlaces(process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock')
afterAll(async () => {
  for (const place of [...processes, ...docker.places]) await place.close()
})

describe.each(processes)('overlay with $name', (place) => overlayTests(place))
describe.skipIf(!docker.answers).each(docker.places.slice(0, 1))('overlay with $name', (place) => overlayTests(place))

function overlayTests(place: Place): void {
  it('brings back work, which is still a change to the import and shows in git diff', async () => {
    const made = await place.make()
    const { sandbox } = made
    await sandbox.importTree(
      tarOf({
        'a.txt': 'one\n',
        'gone/deep/x': 'x',
        'gone/y': 'y',
        'to-file/z': 'z',
        'to-folder': 'f',
        'run.sh': '#!',
      }),
    )
    const hasGit = await initThrowawayRepository(sandbox)
    await sandbox.run('mkdir made-by-setup; echo s >made-by-setup/file', { timeoutMs: 9_000, maxOutputBytes: 99 })
    await sandbox.markSetupDone()
    const work = pack()
    work.entry({ name: 'a.txt', mode: 0o755 }, 'two\n')
    work.entry({ name: 'to-file', mode: 0o644 }, 'flat')
    work.entry({ name: 'to-folder/in', mode: 0o644 }, 'in')
    work.entry({ name: "odd ' ä\nname", mode: 0o644 }, 'odd')
    work.entry({ name: 'link', type: 'symlink', linkname: 'a.txt' })
    work.finalize()
    await sandbox.overlay(Readable.from(work), ['gone/deep/x', 'gone/y', 'to-file', 'to-folder', 'not/there', 'run.sh'])

    expect(await sh(sandbox, 'cat a.txt to-file to-folder/in "$(readlink link)"')).toBe('two\nflatintwo\n')
    if (hasGit) expect(await sh(sandbox, 'git status --porcelain a.txt run.sh')).toBe(' M a.txt\n D run.sh\n')
    const change = await sandbox.exportChange(limits)
    expect(change.entries.map((entry) => [entry.path, entry.kind === 'file' && entry.executable]).sort()).toEqual([
      ['a.txt', true],
      ['link', false],
      ["odd ' ä\nname", false],
      ['to-file', false],
      ['to-folder/in', false],
    ])
    expect([...change.deletedPaths].sort()).toEqual(['gone/deep/x', 'gone/y', 'run.sh', 'to-file/z', 'to-folder'])
    await made.remove()
  })

  it('comes between setup and the first call', async () => {
    const made = await place.make()
    await made.sandbox.importTree(tarOf({ a: '' }))
    await expect(made.sandbox.overlay(tarOf({ a: 'x' }), [])).rejects.toMatchObject({ category: 'bug' })
    await made.sandbox.markSetupDone()
    await sh(made.sandbox, 'true')
    await expect(made.sandbox.overlay(tarOf({ a: 'x' }), [])).rejects.toMatchObject({ category: 'bug' })
    await made.remove()
  })
}
