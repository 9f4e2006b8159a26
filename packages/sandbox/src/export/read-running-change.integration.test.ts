import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Sandbox, WorkspaceChange } from '../sandbox.ts'
import { generous, sh, tarOf } from '../testing/make-sandbox.ts'
import { dockerPlaces, type Place, processPlaces } from '../testing/places.ts'

const limits = { maxFiles: 1000, maxBytes: 20_000_000, keepRunning: true }
const processes = processPlaces()
const docker = await dockerPlaces(process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock')
afterAll(async () => {
  for (const place of [...processes, ...docker.places]) await place.close()
})

function contentOf(change: WorkspaceChange, path: string): Uint8Array | undefined {
  const entry = change.entries.find((candidate) => candidate.path === path)
  return entry?.kind === 'file' ? entry.bytes : undefined
}

function textOf(change: WorkspaceChange, path: string): string | undefined {
  const bytes = contentOf(change, path)
  return bytes && Buffer.from(bytes).toString()
}

describe.each(processes)('exportChange that leaves everything running, with $name', (place) => runningTests(place))
describe.skipIf(!docker.answers).each(docker.places.slice(0, 1))(
  'exportChange that leaves everything running, with $name',
  (place) => runningTests(place),
)

function runningTests(place: Place): void {
  let sandbox: Sandbox
  let made: Awaited<ReturnType<Place['make']>>

  beforeEach(async () => {
    made = await place.make()
    sandbox = made.sandbox
    await sandbox.importTree(tarOf({ 'a.txt': 'one\n', 'src/b.txt': 'two\n', 'run.sh': '#!/bin/sh\n' }))
    await sandbox.markSetupDone()
  })
  afterEach(() => made.remove())

  it('finds the same as one that stops everything', async () => {
    await sh(sandbox, 'echo more >>a.txt; chmod +x src/b.txt; rm run.sh; ln -s a.txt link; mkdir n; echo x >n/new')
    const running = await sandbox.exportChange(limits)
    expect(await sandbox.exportChange(limits)).toEqual(running)
    expect(await sandbox.exportChange({ ...limits, keepRunning: false })).toEqual(running)
    expect(running.entries.map(({ path }) => path).sort()).toEqual(['a.txt', 'link', 'n/new', 'src/b.txt'])
    expect(running.deletedPaths).toEqual(['run.sh'])
  })

  it('leaves background commands and calls under way alone', async () => {
    await sh(sandbox, 'cd src; export KEPT=1')
    const background = await sandbox.startCommand('sleep 60')
    const call = sandbox.exec('sleep 0.5; echo through >>b.txt; echo "$KEPT"', generous)
    await sandbox.exportChange(limits)
    expect(await call).toMatchObject({ exitCode: 0 })
    expect(await Promise.race([background.ended, Promise.resolve('still running')])).toBe('still running')
    expect(textOf(await sandbox.exportChange(limits), 'src/b.txt')).toBe('two\nthrough\n')
  })

  it('has each file as it was last written, however fast one writing follows the other', async () => {
    for (let count = 10; count < 20; count += 1) {
      await sandbox.writeFile('a.txt', Buffer.from(`${count}\n`))
      expect(textOf(await sandbox.exportChange(limits), 'a.txt')).toBe(`${count}\n`)
    }
  })

  it('takes what is there of a workspace in which files come, grow and go', async () => {
    await sh(sandbox, 'echo steady >steady; mkdir busy')
    await sandbox.startCommand(
      'i=0; while :; do i=$((i+1)); mkdir -p busy/d; echo $i >busy/d/f; echo $i >>log; head -c 300000 /dev/zero >big; rm -r busy/d big; done',
    )
    for (let round = 0; round < 5; round += 1) {
      const change = await sandbox.exportChange(limits)
      expect(textOf(change, 'steady')).toBe('steady\n')
      expect(change.deletedPaths).toEqual([])
    }
  })
}

describe('exportChange that leaves everything running', () => {
  it('reads only what changed since the last time, where the programs can tell', async () => {
    const made = await (processes[0] as Place).make()
    await made.sandbox.importTree(tarOf({ a: '1', b: '2' }))
    await sh(made.sandbox, 'echo x >a; echo y >b')
    const first = await made.sandbox.exportChange(limits)
    await sh(made.sandbox, 'echo z >b')
    const second = await made.sandbox.exportChange(limits)
    expect(contentOf(second, 'a')).toBe(contentOf(first, 'a'))
    expect(textOf(second, 'b')).toBe('z\n')
    await made.remove()
  })
})
