import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Sandbox } from '../sandbox.ts'
import { generous, makeDriver, sh, specForTests, tarOf, text } from '../testing/make-sandbox.ts'
import { processesWith } from '../testing/own-processes.ts'
import { makeShellPaths } from '../testing/shell-paths.ts'

const maxBytes = 50_000_000
const limits = { maxFiles: 1000, maxBytes: 10_000_000 }
const shells = makeShellPaths()
afterAll(shells.remove)

async function capture(sandbox: Sandbox, max = maxBytes): Promise<Buffer> {
  const sink = new PassThrough()
  const [bytes] = await Promise.all([buffer(sink), sandbox.exportSetup(sink, { maxBytes: max })])
  return bytes
}

/** Runs a command as the worker does with setup, outside the channel. */
async function run(sandbox: Sandbox, command: string): Promise<string> {
  const result = await sandbox.run(command, generous)
  if (result.exitCode !== 0) throw new Error(`${command} ended with ${result.exitCode}: ${text(result)}`)
  return text(result)
}

describe.each(shells.paths.slice(0, 2))('setup capture with $name', ({ pathEnvironment }) => {
  let made: ReturnType<typeof makeDriver>
  const open: Sandbox[] = []
  const tree = { 'a.txt': 'one\n', 'src/b.txt': 'two\n', 'packages/x/index.js': 'x\n' }

  beforeEach(() => {
    made = makeDriver(pathEnvironment)
  })
  afterEach(async () => {
    for (const sandbox of open.splice(0)) await sandbox[Symbol.asyncDispose]()
    made.remove()
  })

  async function create(files?: Readonly<Record<string, string>>): Promise<Sandbox> {
    const sandbox = await made.driver.create(specForTests)
    open.push(sandbox)
    if (files) await sandbox.importTree(tarOf(files))
    return sandbox
  }

  /** A sandbox in which a setup command ran, and its capture. */
  async function setUp(command: string): Promise<{ sandbox: Sandbox; bytes: Buffer }> {
    const sandbox = await create(tree)
    await run(sandbox, command)
    await sandbox.markSetupDone()
    return { sandbox, bytes: await capture(sandbox) }
  }

  const SETUP = `mkdir -p node_modules/a/.bin packages/x/node_modules/y "$HOME/.cache/deep" empty
    echo a >node_modules/a/index; printf '#!/bin/sh\\necho ran\\n' >node_modules/a/run; chmod 755 node_modules/a/run
    ln -s ../run node_modules/a/.bin/run; ln -s nowhere node_modules/broken; ln node_modules/a/index node_modules/a/twin
    mkfifo node_modules/fifo; echo built >src/b.js; echo y >packages/x/node_modules/y/z; echo h >"$HOME/.cache/deep/h"
    echo rc >"$HOME/.rc"; echo odd >"node_modules/new
line"; echo odd >"node_modules/-n '*"; printf o >"node_modules/$(printf 'bad\\377')"`

  const LOOK = `{ find . -path ./.git -prune -o ! -name . -print; cd "$HOME"; find . ! -name .; } | sort
    cd - >/dev/null; cat node_modules/a/.bin/run node_modules/new*line node_modules/-n* src/b.js; node_modules/a/.bin/run`

  it('brings what setup made into a fresh agent sandbox, as if the command had run there', async () => {
    const { sandbox, bytes } = await setUp(SETUP)
    const second = await create(tree)
    await second.importSetup(Readable.from([bytes]))
    await second.markSetupDone()
    expect(await run(second, LOOK)).toBe(await run(sandbox, LOOK))
    expect(
      await run(second, '[ node_modules/a/twin -ef node_modules/a/index ] && [ -p node_modules/fifo ] && echo yes'),
    ).toBe('yes\n')

    const edit =
      'echo more >>a.txt; echo own >node_modules/own; echo changed >node_modules/a/run; rm node_modules/a/twin'
    for (const each of [sandbox, second]) await sh(each, edit)
    const [first, other] = [await sandbox.exportChange(limits), await second.exportChange(limits)]
    expect(other).toEqual(first)
    expect(other.entries.map((entry) => entry.path).sort()).toEqual(['a.txt', 'node_modules/own'])
    expect(other.setupPaths.has('node_modules/a/run')).toBe(true)
  })

  it('leaves the captured sandbox as it was, and running', async () => {
    const { sandbox, bytes } = await setUp(`${SETUP}; sleep 821.5 & chmod 555 node_modules/a`)
    expect(processesWith('sleep 821')).toEqual([])
    const before = await run(sandbox, LOOK)
    expect((await capture(sandbox)).length).toBe(bytes.length)
    expect(await run(sandbox, LOOK)).toBe(before)
    expect(await run(sandbox, 'ls ..')).toBe('home\nscratch\ntmp\nworkspace\n')
    expect((await sandbox.exportChange(limits)).entries).toEqual([])
  })

  it.each([
    ['a file', 'mkdir -p new/deep; echo s >new/deep/s', { new: 'tree\n' }],
    ['a file of the same name', 'echo s >new', { new: 'tree\n' }],
    ['a folder in place of a file', 'echo s >new', { 'new/in': 'tree\n' }],
    ['a folder in place of a link', 'ln -s src new', { 'new/in': 'tree\n' }],
    [
      'a folder in place of a link out',
      'ln -s "$HOME" new; mkdir new2; ln -s ../../home new2/x',
      { 'new/in': 'tree\n', 'new2/x/y': '' },
    ],
    ['a file in place of a hard link', 'echo s >twin; ln twin new', { new: 'tree\n' }],
    [
      'folders that setup shares',
      'mkdir -p new/a; echo s >new/a/s; echo s >new/t',
      { 'new/t': 'tree\n', 'new/a/t': 'tree\n' },
    ],
    ['a file where setup made an empty folder', 'mkdir new', { new: 'tree\n' }],
    ['a folder where setup made a locked one', 'mkdir new; echo s >new/s; chmod 500 new', { 'new/in': 'tree\n' }],
  ])("lets the tree's own paths win in a check sandbox and an agent sandbox: %s", async (_what, command, added) => {
    const { bytes } = await setUp(command)
    const wanted = { ...tree, ...added }
    const check = await create()
    await check.importSetup(Readable.from([bytes]))
    await check.importTree(tarOf(wanted))
    const agent = await create(wanted)
    await agent.importSetup(Readable.from([bytes]))
    await agent.markSetupDone()
    for (const sandbox of [check, agent]) {
      for (const [path, content] of Object.entries(wanted)) {
        expect(await run(sandbox, `[ -f '${path}' ] && ! [ -L '${path}' ] && cat '${path}'`)).toBe(content)
      }
      expect(await run(sandbox, 'find "$HOME" ! -type d; find . ! -type d -links +1')).toBe('')
      const { entries, deletedPaths } = await sandbox.exportChange(limits)
      expect(deletedPaths).toEqual([])
      if (sandbox === agent) expect(entries).toEqual([])
    }
  })

  it('keeps the links of the tree, and does not write through them', async () => {
    const { bytes } = await setUp('mkdir -p target/x && echo s >target/x/s && mkdir -p real && echo r >real/r')
    const check = await create()
    await check.importSetup(Readable.from([bytes]))
    const tar = pack()
    tar.entry({ name: 'target', type: 'symlink', linkname: 'src' })
    tar.entry({ name: 'src/b.txt' }, 'two\n')
    tar.finalize()
    await check.importTree(Readable.from(tar))
    expect(await run(check, 'readlink target; find src real; cat real/r')).toBe(
      'src\nsrc\nsrc/b.txt\nreal\nreal/r\nr\n',
    )
  })

  it('keeps times of what setup made, and takes nothing of what setup changed or deleted', async () => {
    const { bytes } = await setUp('echo new >>a.txt; rm src/b.txt; echo m >made; touch -t 202001020304 made')
    const second = await create(tree)
    await second.importSetup(Readable.from([bytes]))
    expect(await run(second, 'cat a.txt src/b.txt; find made ! -newer a.txt')).toBe('one\ntwo\nmade\n')
  })

  it('gives an empty capture where setup made nothing, and takes it', async () => {
    const { bytes } = await setUp('true')
    const second = await create(tree)
    await second.importSetup(Readable.from([bytes]))
    await second.markSetupDone()
    expect(await second.exportChange(limits)).toEqual({ entries: [], deletedPaths: [], setupPaths: new Set() })
  })

  it('stops at the limit, says so, and the sandbox goes on with all it had', async () => {
    const sandbox = await create(tree)
    await run(sandbox, 'mkdir big; head -c 3000000 /dev/zero >big/zero; echo x >"$HOME/x"')
    await sandbox.markSetupDone()
    let written = 0
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        written += chunk.length
        done()
      },
    })
    await expect(sandbox.exportSetup(sink, { maxBytes: 1_000_000 })).rejects.toMatchObject({
      category: 'invalid-input',
      code: 'setup-too-large',
      details: { maxBytes: 1_000_000 },
    })
    expect(written).toBeLessThanOrEqual(1_000_000)
    expect(sink.writableFinished).toBe(false)
    expect(sink.destroyed).toBe(true)
    expect(await sh(sandbox, 'wc -c <big/zero; cat "$HOME/x"')).toMatch(/^\s*3000000\nx\n$/)
  })

  it('gives the error of a sink that fails, and puts everything back', async () => {
    const sandbox = await create(tree)
    await run(sandbox, 'mkdir big; head -c 3000000 /dev/zero >big/zero')
    await sandbox.markSetupDone()
    const sink = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no space left')) })
    await expect(sandbox.exportSetup(sink, { maxBytes })).rejects.toThrow('no space left')
    expect(await run(sandbox, 'ls big; ls ..')).toBe('zero\nhome\nscratch\ntmp\nworkspace\n')
  })

  it('lets calls wait that come while it captures', async () => {
    const sandbox = await create(tree)
    await run(sandbox, 'mkdir big; head -c 3000000 /dev/zero >big/zero')
    await sandbox.markSetupDone()
    const captured = capture(sandbox)
    const answers = [sh(sandbox, 'ls big; echo sly >big/sly'), run(sandbox, 'ls big')]
    expect((await captured).includes('sly')).toBe(false)
    expect(
      (await Promise.all(answers)).every((answer) => answer.startsWith('sly\nzero\n') || answer.startsWith('zero\n')),
    ).toBe(true)
  })

  it('is refused once the agent may have had its hands in, and before setup is done', async () => {
    const misuse = { category: 'bug', code: 'sandbox-misused' }
    const sandbox = await create(tree)
    const sink = new PassThrough()
    await expect(sandbox.exportSetup(sink, { maxBytes })).rejects.toMatchObject(misuse)
    await sandbox.markSetupDone()
    await sh(sandbox, 'mkdir node_modules; echo evil >node_modules/evil')
    await expect(sandbox.exportSetup(sink, { maxBytes })).rejects.toMatchObject(misuse)
  })

  it('refuses what is no capture, and leaves the tree alone', async () => {
    for (const bytes of [
      Buffer.alloc(20_000, 'garbage'),
      (await setUp('head -c 100000 /dev/zero >zero')).bytes.subarray(0, 50_000),
    ]) {
      const sandbox = await create(tree)
      await expect(sandbox.importSetup(Readable.from([bytes]))).rejects.toMatchObject({ category: 'sandbox' })
    }
  })
})

describe('setup capture', () => {
  it('takes 20,000 files with memory to spare', async () => {
    const [system] = shells.paths
    const made = makeDriver(system?.pathEnvironment ?? '')
    const file = join(mkdtempSync(join(tmpdir(), 'devbot-capture-')), 'setup.tar')
    const first = await made.driver.create(specForTests)
    const second = await made.driver.create(specForTests)
    try {
      const tree = { 'a.txt': '', 'packages/p/x': '' }
      for (const sandbox of [first, second]) await sandbox.importTree(tarOf(tree))
      await run(
        first,
        `mkdir -p seed && cd seed && seq -f f%05g 1 1000 | xargs touch && cd .. && mkdir packages/p/node_modules
        for i in $(seq 1 20); do cp -r seed packages/p/node_modules/package-$i; done; rm -r seed`,
      )
      await first.markSetupDone()
      const before = process.memoryUsage().rss
      await first.exportSetup(createWriteStream(file), { maxBytes: 200_000_000 })
      await second.importSetup(createReadStream(file))
      expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000)
      await second.markSetupDone()
      expect((await second.exportChange(limits)).setupPaths.size).toBe(20_000)
    } finally {
      await first[Symbol.asyncDispose]()
      await second[Symbol.asyncDispose]()
      made.remove()
      rmSync(join(file, '..'), { recursive: true })
    }
  })
})
