import { chmodSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { initThrowawayRepository } from '../init-throwaway-repository.ts'
import type { ExportedEntry, Sandbox, WorkspaceChange } from '../sandbox.ts'
import { generous, makeDriver, sh, specForTests, tarOf } from '../testing/make-sandbox.ts'
import { processesWith } from '../testing/own-processes.ts'
import { dockerPlaces, type Place, processPlaces } from '../testing/places.ts'
import { makeShellPaths } from '../testing/shell-paths.ts'

const limits = { maxFiles: 1000, maxBytes: 10_000_000 }
const shells = makeShellPaths()
afterAll(shells.remove)
const processes = processPlaces()
const docker = await dockerPlaces(process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock')
afterAll(async () => {
  for (const place of [...processes, ...docker.places]) await place.close()
})

/** Entries in a form that is easy to compare: `path` -> what it is. */
function summary(change: WorkspaceChange): Record<string, string> {
  return Object.fromEntries(change.entries.map((entry) => [entry.path, describeEntry(entry)]))
}

function describeEntry(entry: ExportedEntry): string {
  if (entry.kind === 'file') return `${entry.executable ? 'executable' : 'file'} ${Buffer.from(entry.bytes).toString()}`
  return entry.kind === 'link' ? `link ${entry.target}` : 'other'
}

// The bash variant has the same find and tar as the system's.
describe.each(processes.slice(0, 2))('exportChange with $name', exportTests)
// The other images have busybox's tar and find, as above; where they are found is what the channel's tests cover.
describe.skipIf(!docker.answers).each(docker.places.slice(0, 1))(
  'exportChange with $name, by a Docker engine',
  exportTests,
)

function exportTests(place: Place): void {
  let sandbox: Sandbox
  let made: Awaited<ReturnType<Place['make']>>

  beforeEach(async () => {
    made = await place.make()
    sandbox = made.sandbox
    await sandbox.importTree(
      tarOf({ 'a.txt': 'one\n', 'src/b.txt': 'two\n', 'run.sh': '#!/bin/sh\n', 'src/ä é.txt': 'x' }),
    )
  })
  afterEach(() => made.remove())

  it('finds nothing in an untouched tree, also after reading, touching the folders and a repository of its own', async () => {
    await sh(sandbox, 'cat a.txt src/*; mkdir -p empty/deep; mkdir .git; echo x >.git/config')
    expect(await sandbox.exportChange(limits)).toEqual({ entries: [], deletedPaths: [], setupPaths: new Set() })
  })

  it('finds what was made, modified, made executable, deleted and renamed', async () => {
    await sh(sandbox, 'echo new >new.txt; echo more >>a.txt; chmod +x src/b.txt; rm run.sh; mv "src/ä é.txt" src/ö.txt')
    const change = await sandbox.exportChange(limits)
    expect(summary(change)).toEqual({
      'new.txt': 'file new\n',
      'a.txt': 'file one\nmore\n',
      'src/b.txt': 'executable two\n',
      'src/ö.txt': 'file x',
    })
    expect([...change.deletedPaths].sort()).toEqual(['run.sh', 'src/ä é.txt'])
  })

  it('finds a modification that keeps the size and puts the time back', async () => {
    await sh(sandbox, 'touch -r a.txt reference; printf "two\\n" >a.txt; touch -r reference a.txt; rm reference')
    expect(summary(await sandbox.exportChange(limits))).toEqual({ 'a.txt': 'file two\n' })
  })

  it('finds a modification right after the import', async () => {
    await sandbox.writeFile('a.txt', Buffer.from('two\n'))
    expect(summary(await sandbox.exportChange(limits))).toEqual({ 'a.txt': 'file two\n' })
  })

  it('takes links as links, and never what they lead to', async () => {
    await sh(
      sandbox,
      'ln -s /etc/passwd absolute; ln -s ../.. up; ln -s src folder; ln -s "odd\ntarget" odd; rm a.txt; ln -s run.sh a.txt',
    )
    expect(summary(await sandbox.exportChange(limits))).toEqual({
      absolute: 'link /etc/passwd',
      up: 'link ../..',
      folder: 'link src',
      odd: 'link odd\ntarget',
      'a.txt': 'link run.sh',
    })
  })

  it('reads nothing of hard links, FIFOs and devices, and says that they are there', async () => {
    await sh(sandbox, 'mkfifo fifo; ln a.txt hard; [ "$(id -u)" != 0 ] || mknod null c 1 3')
    const change = await sandbox.exportChange(limits)
    expect(summary(change)).toMatchObject({ fifo: 'other', hard: 'other', 'a.txt': 'other' })
    expect(change.entries.every((entry) => entry.kind === 'other')).toBe(true)
  })

  it('takes a file in place of a folder and a folder in place of a file', async () => {
    await sh(sandbox, 'rm -r src; echo flat >src; rm a.txt; mkdir a.txt; echo deep >a.txt/in')
    const change = await sandbox.exportChange(limits)
    expect(summary(change)).toEqual({ src: 'file flat\n', 'a.txt/in': 'file deep\n' })
    expect([...change.deletedPaths].sort()).toEqual(['a.txt', 'src/b.txt', 'src/ä é.txt'])
  })

  it('takes odd names as they are, and tells names that are no UTF-8 as something else', async () => {
    const long = `${'d'.repeat(120)}/${'e'.repeat(120)}/${'f'.repeat(120)}`
    await sh(
      sandbox,
      `printf 1 >'new\nline'; printf 2 >' -x "y'; printf 3 >'back\\slash'; mkdir -p ${long}; printf 4 >${long}/g`,
    )
    await sh(sandbox, `printf 5 >"$(printf 'bad\\377')"`)
    expect(summary(await sandbox.exportChange(limits))).toEqual({
      'new\nline': 'file 1',
      ' -x "y': 'file 2',
      'back\\slash': 'file 3',
      [`${long}/g`]: 'file 4',
      'bad\ufffd': 'other',
    })
  })

  it('brings binary content and an empty file out unchanged', async () => {
    await sh(sandbox, ': >empty; printf "\\000\\377\\n\\000" >binary')
    const { entries } = await sandbox.exportChange(limits)
    const bytes = new Map(entries.map((entry) => [entry.path, entry.kind === 'file' ? [...entry.bytes] : []]))
    expect(bytes).toEqual(
      new Map([
        ['empty', []],
        ['binary', [0, 255, 10, 0]],
      ]),
    )
  })

  it('reads what was locked: files without read permission, folders that nobody may enter', async () => {
    await sh(sandbox, 'mkdir -p locked/in; echo x >locked/in/file; echo y >secret; chmod 000 secret locked/in locked')
    expect(summary(await sandbox.exportChange(limits))).toEqual({ 'locked/in/file': 'file x\n', secret: 'file y\n' })
  })

  it('leaves out what setup made, and keeps what setup changed', async () => {
    await sh(sandbox, 'mkdir -p modules/x; echo m >modules/x/index; echo lock >>a.txt')
    await sandbox.markSetupDone()
    await sh(sandbox, 'echo changed >modules/x/index; echo own >modules/own')
    const change = await sandbox.exportChange(limits)
    expect(summary(change)).toEqual({ 'a.txt': 'file one\nlock\n', 'modules/own': 'file own\n' })
    expect(change.setupPaths).toEqual(new Set(['modules/x/index']))
  })

  it('asks which paths matter before it reads and counts them', async () => {
    await sh(
      sandbox,
      'echo "big*" >.gitignore; head -c 20000000 /dev/zero >big; echo small >small; echo "*" >src/.gitignore',
    )
    const asked: string[] = []
    const change = await sandbox.exportChange({
      ...limits,
      want(paths, ignoreFiles) {
        asked.push(...paths, ...[...ignoreFiles].map(([path, bytes]) => `${path}=${Buffer.from(bytes)}`))
        return new Set(['small', '.gitignore'])
      },
    })
    expect(asked.sort()).toEqual([
      '.gitignore',
      '.gitignore=big*\n',
      'big',
      'small',
      'src/.gitignore',
      'src/.gitignore=*\n',
    ])
    expect(summary(change)).toEqual({ small: 'file small\n', '.gitignore': 'file big*\n' })
  })

  it('refuses a change beyond the limits with its counts', async () => {
    await sh(sandbox, 'i=0; while [ $i -lt 20 ]; do echo x >f$i; i=$((i+1)); done; rm a.txt')
    const tooLarge = { category: 'invalid-input', code: 'change-too-large' }
    await expect(sandbox.exportChange({ ...limits, maxFiles: 20 })).rejects.toMatchObject({
      ...tooLarge,
      details: { files: 21 },
    })
    await expect(sandbox.exportChange({ ...limits, maxBytes: 39 })).rejects.toMatchObject({
      ...tooLarge,
      details: { bytes: 40 },
    })
    expect((await sandbox.exportChange({ maxFiles: 21, maxBytes: 40 })).entries.length).toBe(20)
  })

  it('stops everything first, and goes on with a fresh channel in the same folder and environment', async () => {
    await sh(
      sandbox,
      'cd src; export KEPT=1; (while :; do date >>../log; sleep 0.01; done) & setsid sleep 921.5 & sleep 0.2',
    )
    const { entries } = await sandbox.exportChange(limits)
    expect(entries.map((entry) => entry.path)).toEqual(['log'])
    expect(processesWith('sleep 921')).toEqual([])
    const answers = await Promise.all([1, 2, 3].map(() => sh(sandbox, 'pwd; echo $KEPT')))
    for (const answer of answers) expect(answer).toMatch(/\/src\n1\n$/)
  })

  it('gives the same answer twice', async () => {
    await sh(sandbox, 'echo x >x; rm a.txt; chmod 000 x')
    expect(await sandbox.exportChange(limits)).toEqual(await sandbox.exportChange(limits))
  })
}

describe('importTree', () => {
  const [system] = shells.paths
  async function make(): Promise<{ sandbox: Sandbox; remove(): Promise<void> }> {
    const made = makeDriver(system?.pathEnvironment ?? '')
    const sandbox = await made.driver.create(specForTests)
    const remove = async () => {
      await sandbox[Symbol.asyncDispose]()
      made.remove()
    }
    return { sandbox, remove }
  }

  it('unpacks 5,000 files, and a scan that finds one change takes well under a second', async () => {
    const { sandbox, remove } = await make()
    const files = Array.from({ length: 5000 }, (_, index) => [`d${index % 50}/f${index}`, `${index}\n`.repeat(100)])
    await sandbox.importTree(tarOf(Object.fromEntries(files)))
    await sh(sandbox, 'echo changed >d7/f7')
    const started = performance.now()
    const change = await sandbox.exportChange(limits)
    expect(performance.now() - started).toBeLessThan(1500)
    expect(summary(change)).toEqual({ 'd7/f7': 'file changed\n' })
    await remove()
  })

  it('lets a sparse file of 100 GB be refused without reading it', async () => {
    const { sandbox, remove } = await make()
    await sandbox.importTree(tarOf({ a: '' }))
    await sh(sandbox, 'truncate -s 100G sparse')
    await expect(sandbox.exportChange(limits)).rejects.toMatchObject({ code: 'change-too-large' })
    await remove()
  })

  it('fails as a whole when the stream is cut, is no archive, or fails itself', async () => {
    for (const tar of [
      Readable.from([(await bytesOf(tarOf({ big: 'x'.repeat(100_000) }))).subarray(0, 50_000)]),
      Readable.from([Buffer.alloc(20_000, 'garbage')]),
    ]) {
      const { sandbox, remove } = await make()
      await expect(sandbox.importTree(tar)).rejects.toMatchObject({
        category: 'sandbox',
        code: 'sandbox-transfer-failed',
      })
      await remove()
    }
    const { sandbox, remove } = await make()
    const failing = new Readable({
      read() {
        this.destroy(new Error('git went away'))
      },
    })
    await expect(sandbox.importTree(failing)).rejects.toThrow('git went away')
    await remove()
  })

  it('keeps the executable bit, and works once', async () => {
    const { sandbox, remove } = await make()
    await sandbox.importTree(tarOf({ 'plain.txt': 'x', 'run.sh': '' }))
    expect(await sh(sandbox, '[ ! -x plain.txt ] && [ -x run.sh ] && echo right')).toBe('right\n')
    await expect(sandbox.importTree(tarOf({}))).rejects.toMatchObject({ category: 'bug' })
    await remove()
  })
})

describe('initThrowawayRepository', () => {
  it('lets the agent use git diff, with nothing of it in the change', async () => {
    const made = makeDriver('/usr/bin:/bin')
    await using sandbox = await made.driver.create(specForTests)
    await sandbox.importTree(tarOf({ 'a.txt': 'one\n', 'ignored.txt': 'y', '.gitignore': 'ignored.txt\n' }))
    expect(await initThrowawayRepository(sandbox)).toBe(true)
    expect(await sh(sandbox, 'git status --porcelain')).toBe('')
    await sh(sandbox, 'echo two >a.txt; echo z >ignored.txt')
    expect(await sh(sandbox, 'git diff --stat')).toContain('2 files changed')
    await sh(sandbox, 'git commit -qam mine || git -c user.name=a -c user.email=a@b commit -qam mine')
    expect(summary(await sandbox.exportChange(limits))).toEqual({ 'a.txt': 'file two\n', 'ignored.txt': 'file z\n' })
    made.remove()
  })

  it('does without where the sandbox has no git', async () => {
    const busybox = shells.paths.find(({ name }) => name === 'busybox')
    const folder = mkdtempSync(join(tmpdir(), 'devbot-no-git-'))
    const needed = ['sh', 'cat', 'chmod', 'dd', 'env', 'find', 'kill', 'mkdir', 'mkfifo', 'rm', 'tar', 'wc', 'printf']
    for (const tool of needed) symlinkSync(`/bin/${tool}`, join(folder, tool))
    symlinkSync('/usr/bin/setsid', join(folder, 'setsid'))
    const made = makeDriver(busybox?.pathEnvironment ?? folder)
    const sandbox = await made.driver.create(specForTests)
    await sandbox.importTree(tarOf({ a: '' }))
    expect(await initThrowawayRepository(sandbox)).toBe(false)
    expect(await sandbox.run('ls -A 2>/dev/null || echo a', generous)).toMatchObject({ exitCode: 0 })
    await sandbox[Symbol.asyncDispose]()
    made.remove()
    chmodSync(folder, 0o700)
    rmSync(folder, { recursive: true })
  })
})

async function bytesOf(stream: Readable): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}
