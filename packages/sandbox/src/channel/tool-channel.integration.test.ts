import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createSandbox } from '../create-sandbox.ts'
import { createProcessEngine } from '../process/process-engine.ts'
import type { Sandbox } from '../sandbox.ts'
import { generous, makeDriver, sh, specForTests, tarOf, text } from '../testing/make-sandbox.ts'
import { processesWith } from '../testing/own-processes.ts'
import { dockerPlaces, type Place, processPlaces } from '../testing/places.ts'

const docker = await dockerPlaces(process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock')

type AddTest = (title: string, test: () => Promise<void>) => void

/**
 * Every test runs where dash and GNU's programs are, and in a container that has busybox alone. What takes seconds runs
 * nowhere else; what is about shells and their programs, also with the other shells of this machine, where it takes
 * little; the other images have the rest.
 */
const FULL_PLACES = ['the system shell', 'Docker and the bare image']

describe.each(processPlaces())('the tool channel with $name', channelTests)
describe.skipIf(!docker.answers).each(docker.places)('the tool channel with $name, by a Docker engine', channelTests)

function channelTests(place: Place): void {
  const isFull = FULL_PLACES.includes(place.name)
  const inFullPlaces: AddTest = (title, test) => {
    if (isFull) it(title, test)
  }
  const withEachShell: AddTest = (title, test) => {
    if (isFull || !place.isContainer) it(title, test)
  }
  let sandbox: Sandbox
  let made: Awaited<ReturnType<Place['make']>>

  beforeEach(async () => {
    made = await place.make()
    sandbox = made.sandbox
  })
  afterEach(() => made.remove())
  afterAll(() => place.close())

  it('answers a command with its output and exit code', async () => {
    const result = await sandbox.exec('echo out; echo err >&2; printf "no newline"; exit 7', generous)
    expect(result).toMatchObject({ exitCode: 7, timedOut: false, aborted: false, totalOutputBytes: 18 })
    expect(text(result)).toBe('out\nerr\nno newline')
  })

  withEachShell('gives 128 and the number for a command that a signal ended', async () => {
    expect(await sandbox.exec('sh -c "kill -9 \\$\\$"', generous)).toMatchObject({ exitCode: 137 })
    expect(await sandbox.exec('kill -TERM $$', generous)).toMatchObject({ exitCode: 143 })
  })

  withEachShell('tells a syntax error as a failed command and goes on', async () => {
    expect(await sandbox.exec('if then', generous)).toMatchObject({ exitCode: 2 })
    expect(await sh(sandbox, 'echo fine')).toBe('fine\n')
  })

  it('takes any text as a command', async () => {
    const odd = `é \\ \\n \\0101 %s $HOME "'\`\n\ttwo lines \u{1f600}`
    expect(await sh(sandbox, `cat <<'END'\n${odd}\nEND`)).toBe(`${odd}\n`)
    expect(await sandbox.exec('', generous)).toMatchObject({ exitCode: 0, totalOutputBytes: 0 })
  })

  withEachShell('takes a command of 200 KB and refuses one that no shell could take', async () => {
    const long = 'x'.repeat(200_000)
    expect(await sh(sandbox, `cat <<'END'\n${long}\nEND`)).toBe(
      `${long}\n`.slice(0, 50_000) + `${long}\n`.slice(-50_000),
    )
    expect(await sandbox.exec('a\0b', generous)).toMatchObject({ exitCode: 126 })
    expect(await sandbox.exec('x'.repeat(300_000), generous)).toMatchObject({ exitCode: 126 })
  })

  it('keeps the working directory and the exported environment from one command to the next', async () => {
    await sh(sandbox, `mkdir -p "a b/c" && cd "a b" && export MULTI='one\ntwo '"'"'three'"'" && cd c`)
    expect(await sh(sandbox, 'pwd')).toMatch(/\/workspace\/a b\/c\n$/)
    expect(await sh(sandbox, 'printf "%s" "$MULTI"')).toBe("one\ntwo 'three'")
    expect(await sh(sandbox, 'cd - >/dev/null; pwd')).toMatch(/\/workspace\/a b\n$/)
    await sh(sandbox, 'unset MULTI')
    expect(await sh(sandbox, 'env | grep -c MULTI || true')).toBe('0\n')
  })

  withEachShell('keeps them also when a command exits early with a code', async () => {
    await sandbox.exec('cd /; export KEPT=1; exit 3', generous)
    expect(await sh(sandbox, 'pwd; echo $KEPT')).toBe('/\n1\n')
  })

  withEachShell('says so when the working directory is gone', async () => {
    await sh(sandbox, 'mkdir gone && cd gone')
    await sandbox.exec('rmdir "$PWD"', generous)
    expect(await sh(sandbox, 'pwd')).toMatch(
      /^devbot: .*\/gone is gone, the working directory is (.*\/workspace) again\n\1\n$/,
    )
  })

  withEachShell('has an environment built from nothing', async () => {
    const names = (await sh(sandbox, 'env')).split('\n').flatMap((line) => /^([A-Za-z_]+)=/.exec(line)?.[1] ?? [])
    const expected = /^(PATH|HOME|TMPDIR|USER|LANG|PWD|OLDPWD|SHLVL|_|DEVBOT_[A-Z]+|HOSTNAME)$/
    expect(names.filter((name) => !expected.test(name))).toEqual([])
    expect(await sh(sandbox, 'echo "$HOME $TMPDIR"; cd "$HOME" && cd "$TMPDIR"')).toContain(made.root)
  })

  withEachShell('gives a command nothing to read', async () => {
    expect(await sandbox.exec('cat; read x; echo "got [$x]"', { ...generous, timeoutMs: 5000 })).toMatchObject({
      timedOut: false,
      exitCode: 0,
    })
  })

  it('writes and reads a megabyte of any bytes unchanged', async () => {
    const bytes = Buffer.concat([randomBytes(1_500_000), Buffer.from([0, 10, 0]), Buffer.from('data 1 5\n')])
    expect(await sandbox.writeFile('deep/er/blob', bytes)).toEqual({ kind: 'written' })
    const read = await sandbox.readFile('deep/er/blob', { maxBytes: 2_000_000 })
    expect(read).toMatchObject({ kind: 'file', totalBytes: bytes.length })
    expect(read.kind === 'file' && Buffer.compare(read.bytes, bytes)).toBe(0)
  })

  withEachShell('passes binary output through unchanged', async () => {
    const bytes = randomBytes(300_000)
    await sandbox.writeFile('blob', bytes)
    const result = await sandbox.exec('cat blob', { ...generous, maxOutputBytes: 1_000_000 })
    expect(Buffer.compare(result.output, bytes)).toBe(0)
  })

  withEachShell('reads the start of a long file and tells its size', async () => {
    await sh(sandbox, 'i=0; while [ $i -lt 3000 ]; do printf "%01000d" $i; i=$((i+1)); done >long')
    const read = await sandbox.readFile('long', { maxBytes: 1500 })
    expect(read).toMatchObject({ kind: 'file', totalBytes: 3_000_000 })
    expect(read.kind === 'file' && read.bytes.length).toBe(1500)
    expect(await sandbox.readFile('long', { maxBytes: 0 })).toMatchObject({ kind: 'file', totalBytes: 3_000_000 })
  })

  withEachShell('tells what cannot be read', async () => {
    await sh(sandbox, 'mkdir folder; mkfifo fifo; ln -s nowhere broken; ln -s file link; printf x >file; : >empty')
    const read = (path: string) => sandbox.readFile(path, { maxBytes: 100 })
    expect(await read('absent')).toEqual({ kind: 'missing' })
    expect(await read('broken')).toEqual({ kind: 'missing' })
    expect(await read('folder')).toEqual({ kind: 'directory' })
    expect(await read('fifo')).toEqual({ kind: 'not-a-file' })
    expect(await read('a\0b')).toEqual({ kind: 'missing' })
    expect(await read('link')).toEqual({ kind: 'file', bytes: Buffer.from('x'), totalBytes: 1 })
    expect(await read('empty')).toEqual({ kind: 'file', bytes: Buffer.alloc(0), totalBytes: 0 })
  })

  withEachShell('writes over a file without changing its mode, also with nothing and under an odd name', async () => {
    await sh(sandbox, 'echo old >script; chmod 755 script')
    expect(await sandbox.writeFile('script', Buffer.from('new'))).toEqual({ kind: 'written' })
    expect(await sh(sandbox, '[ -x script ] && cat script')).toBe('new')
    expect(await sandbox.writeFile('script', Buffer.alloc(0))).toEqual({ kind: 'written' })
    expect(await sh(sandbox, 'cat script')).toBe('')
    const odd = " a'\n\\é$(touch x)*\n"
    expect(await sandbox.writeFile(odd, Buffer.from('odd'))).toEqual({ kind: 'written' })
    expect(await sandbox.readFile(odd, { maxBytes: 10 })).toMatchObject({ bytes: Buffer.from('odd') })
    expect(await sandbox.writeFile('-n', Buffer.from('dash'))).toEqual({ kind: 'written' })
  })

  it('says why a file cannot be written', async () => {
    await sh(sandbox, 'mkdir folder; mkfifo fifo; echo x >file')
    const write = (path: string) => sandbox.writeFile(path, Buffer.from('x'))
    for (const path of ['folder', 'fifo', 'file/below', '/proc/nothing', 'a\0b', '']) {
      expect(await write(path)).toEqual({ kind: 'failed', reason: expect.stringMatching(/\S/) })
    }
    expect(await sh(sandbox, 'echo alive')).toBe('alive\n')
  })

  it('ends a command with its children and what it detached when the time is up, and keeps the earlier state', async () => {
    await sh(sandbox, 'mkdir kept && cd kept')
    const command = 'cd /; export LOST=1; (sleep 981.5; :) & setsid sleep 982.5 & sleep 983.5; echo not reached'
    const result = await sandbox.exec(`echo before; ${command}`, { ...generous, timeoutMs: 400 })
    expect(result).toMatchObject({ timedOut: true, aborted: false })
    expect(result.exitCode).toBeUndefined()
    expect(text(result)).toBe('before\n')
    expect(processesWith('sleep 98')).toEqual([])
    expect(await sh(sandbox, 'pwd; echo "[$LOST]"')).toMatch(/\/kept\n\[\]\n$/)
  })

  withEachShell('ends a command that ignores the polite signal', async () => {
    const result = await sandbox.exec('trap "" TERM; echo on; while :; do sleep 971.5; done', {
      ...generous,
      timeoutMs: 300,
    })
    expect(result).toMatchObject({ timedOut: true })
    expect(processesWith('sleep 971')).toEqual([])
  })

  withEachShell('ends a command when the signal aborts, and starts none when it has', async () => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 200)
    const options = { ...generous, signal: controller.signal }
    expect(await sandbox.exec('sleep 961.5', options)).toMatchObject({ aborted: true, timedOut: false })
    expect(await sandbox.exec('touch started', options)).toMatchObject({ aborted: true })
    expect(await sh(sandbox, '[ -e started ] || echo none')).toBe('none\n')
    expect(processesWith('sleep 961')).toEqual([])
  })

  inFullPlaces('caps endless output in memory and stays usable beside it', async () => {
    const flood = sandbox.exec('yes', { timeoutMs: 1500, maxOutputBytes: 10_000 })
    const before = process.memoryUsage().rss
    expect(await sh(sandbox, 'echo beside')).toBe('beside\n')
    const result = await flood
    expect(result).toMatchObject({ timedOut: true })
    expect(result.output.length).toBe(10_000)
    expect(result.totalOutputBytes).toBeGreaterThan(100_000)
    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000)
    expect(await sh(sandbox, 'echo after')).toBe('after\n')
  })

  withEachShell('counts all bytes and keeps head and tail', async () => {
    const result = await sandbox.exec('echo start; yes middle | head -c 3000000; echo end', {
      ...generous,
      maxOutputBytes: 100,
    })
    expect(result).toMatchObject({ exitCode: 0, totalOutputBytes: 3_000_010 })
    expect(text(result)).toMatch(/^start\nmiddle\n.*end\n$/s)
    expect(result.output.length).toBe(100)
  })

  withEachShell(
    'does not wait for what a command leaves behind, nor mixes its output into later commands',
    async () => {
      const started = performance.now()
      const result = await sandbox.exec(
        '(while :; do echo noise; sleep 0.01; done) & sleep 951.5 & echo done',
        generous,
      )
      expect(result).toMatchObject({ exitCode: 0 })
      expect(performance.now() - started).toBeLessThan(10_000)
      for (let count = 0; count < 5; count += 1) expect(await sh(sandbox, 'sleep 0.05; echo clean')).toBe('clean\n')
      // It goes on running: its output is thrown away, it does not die of a broken pipe.
      expect(processesWith('sleep 951').length).toBeGreaterThan(0)
    },
  )

  withEachShell('runs calls side by side', async () => {
    const started = performance.now()
    const numbers = [1, 2, 3, 4, 5, 6]
    const results = await Promise.all(
      numbers.map((n) => sh(sandbox, `sleep 0.5; yes ${n} | head -c 200000 | tail -c 2`)),
    )
    expect(results).toEqual(numbers.map((n) => `${n}\n`))
    expect(performance.now() - started).toBeLessThan(2900)
  })

  withEachShell('keeps a command that closes its output or kills its parent from hanging', async () => {
    expect(await sandbox.exec('exec >&- 2>&-; exit 4', generous)).toMatchObject({ exitCode: 4 })
    const orphan = await sandbox.exec('echo before; kill -9 $PPID', generous)
    expect(orphan.exitCode).toBeUndefined()
    expect(text(orphan)).toMatch(/^before\n\n\[devbot: the shell ended/)
    expect(await sh(sandbox, 'echo alive')).toBe('alive\n')
  })

  it('goes on with a fresh channel in the last working directory after its server was killed', async () => {
    await sh(sandbox, 'mkdir here && cd here && export STAYS=1')
    const killed = await sandbox.exec(`${toServer('-KILL')}; sleep 5`, generous)
    expect(killed.exitCode).toBeUndefined()
    expect(await sh(sandbox, 'pwd; echo $STAYS')).toMatch(/\/here\n1\n$/)
  })

  it('keeps the whole of a cut output in a file when asked to, and passes on only what is shown', async () => {
    const options = { ...generous, maxOutputBytes: 1000, keepOutput: true }
    for (const bytes of [1001, 65_536, 65_537, 1_000_000, 3_000_007, 4 * 1024 * 1024]) {
      await sh(sandbox, `i=0; yes 'é line' | head -c ${bytes} >expected`)
      const result = await sandbox.exec('cat expected', options)
      expect(result).toMatchObject({ exitCode: 0, totalOutputBytes: bytes })
      const expected = Buffer.from('é line\n'.repeat(bytes / 8 + 1)).subarray(0, bytes)
      expect(Buffer.compare(result.output, Buffer.concat([expected.subarray(0, 500), expected.subarray(-500)]))).toBe(0)
      expect(await sh(sandbox, `cmp expected '${result.outputPath}' && rm expected && echo same`)).toBe('same\n')
    }
    const short = await sandbox.exec('yes | head -c 1000', options)
    expect([short.totalOutputBytes, short.outputPath]).toEqual([1000, undefined])
  })

  inFullPlaces('keeps the newest three outputs, each up to 64 MiB, and shows the end of a longer one', async () => {
    const options = { ...generous, maxOutputBytes: 1000, keepOutput: true }
    const paths: (string | undefined)[] = []
    for (let count = 0; count < 4; count += 1)
      paths.push((await sandbox.exec('yes | head -c 2000', options)).outputPath)
    const first = await sandbox.readFile(paths[0] ?? '', { maxBytes: 1 })
    expect([first.kind, (await sandbox.readFile(paths[1] ?? '', { maxBytes: 1 })).kind]).toEqual(['missing', 'file'])
    const flood = await sandbox.exec('dd if=/dev/zero bs=1048576 count=80 2>/dev/null; echo the end', options)
    expect(flood).toMatchObject({ exitCode: 0, totalOutputBytes: 80 * 1024 * 1024 + 8 })
    expect(text(flood)).toMatch(/the end\n$/)
    const size = Number(await sh(sandbox, `wc -c <'${flood.outputPath}'`))
    expect(size).toBeLessThan(66 * 1024 * 1024)
    const kept = await sandbox.readFile(flood.outputPath ?? '', { fromByte: size - 31, maxBytes: 1000 })
    expect(kept.kind === 'file' && Buffer.from(kept.bytes).toString()).toBe('[devbot: the rest is not kept]\n')
    await sh(sandbox, `rm '${flood.outputPath}'`)
  })

  inFullPlaces(
    'keeps what a command wrote, also when something it left behind holds the output, and when its time is up',
    async () => {
      const options = { ...generous, maxOutputBytes: 1000, keepOutput: true }
      const left = await sandbox.exec('sleep 947.5 & yes | head -c 3000000; echo end', options)
      expect(left).toMatchObject({ exitCode: 0, totalOutputBytes: 3_000_004 })
      expect(text(left)).toMatch(/end\n$/)
      expect((await sh(sandbox, `wc -c <'${left.outputPath}'; tail -c 4 '${left.outputPath}'`)).trim()).toBe(
        '3000004\nend',
      )
      const late = await sandbox.exec('yes | head -c 2500000; echo late; sleep 946.5', { ...options, timeoutMs: 1500 })
      expect(late).toMatchObject({ timedOut: true, totalOutputBytes: 2_500_005 })
      expect(await sh(sandbox, `tail -n 1 '${late.outputPath}'`)).toBe('late\n')
    },
  )

  inFullPlaces('keeps the outputs it has when many commands leave something behind that holds theirs', async () => {
    const options = { ...generous, maxOutputBytes: 1000, keepOutput: true }
    const { outputPath = '' } = await sandbox.exec('yes | head -c 2000', options)
    const started = performance.now()
    for (let count = 0; count < 20; count += 1) {
      const result = await sandbox.exec(`sleep 948.5 & echo ${count}`, options)
      expect([text(result), result.exitCode, result.outputPath]).toEqual([`${count}\n`, 0, undefined])
    }
    expect(await sandbox.readFile(outputPath, { maxBytes: 1 })).toMatchObject({ kind: 'file', totalBytes: 2000 })
    // 20 times 30 ms of waiting for the end of output, and a busy machine.
    expect(performance.now() - started).toBeLessThan(15_000)
  })

  it('runs a command apart: in the workspace, with the environment of the start, leaving nothing', async () => {
    await sh(sandbox, 'mkdir elsewhere && cd elsewhere && export PATH=/nowhere MINE=1')
    const apart = await sandbox.exec('pwd; echo "[$MINE]"; cd /; export THEIRS=1; exit 3', { ...generous, apart: true })
    expect(apart).toMatchObject({ exitCode: 3 })
    expect(text(apart)).toMatch(/\/workspace\n\[\]\n$/)
    expect(await sh(sandbox, 'pwd; echo "$MINE[$THEIRS]"')).toMatch(/\/elsewhere\n1\[\]\n$/)
  })

  withEachShell('reads a file from a byte on', async () => {
    const bytes = randomBytes(2_500_000)
    await sandbox.writeFile('blob', bytes)
    for (const [fromByte, maxBytes] of [
      [0, 10],
      [65_535, 3],
      [65_536, 1_048_576],
      [1_999_999, 600_000],
      [2_499_999, 5],
    ] as const) {
      const read = await sandbox.readFile('blob', { fromByte, maxBytes })
      expect(read).toMatchObject({ kind: 'file', totalBytes: bytes.length })
      expect(read.kind === 'file' && Buffer.compare(read.bytes, bytes.subarray(fromByte, fromByte + maxBytes))).toBe(0)
    }
    for (const fromByte of [2_500_000, 9_000_000]) {
      const past = await sandbox.readFile('blob', { fromByte, maxBytes: 10 })
      expect(past).toEqual({ kind: 'file', bytes: Buffer.alloc(0), totalBytes: bytes.length })
    }
  })

  it('starts a command that goes on beside others, with its output readable as it comes', async () => {
    await sh(sandbox, 'mkdir place && cd place && export GIVEN=1')
    const job = await sandbox.startCommand(
      'pwd; echo "$GIVEN"; cd /; export GIVEN=2; while ! [ -e stop ] && ! [ -e "$OLDPWD/stop" ]; do sleep 0.05; done; echo end >&2; exit 7',
    )
    const output = async () => {
      const read = await sandbox.readFile(job.outputPath, { maxBytes: 1000 })
      return read.kind === 'file' ? Buffer.from(read.bytes).toString() : read.kind
    }
    await expect.poll(output, { timeout: 10_000 }).toMatch(/\/place\n1\n$/)
    expect(await sh(sandbox, 'pwd; echo "$GIVEN"; touch stop')).toMatch(/\/place\n1\n$/)
    expect(await job.ended).toEqual({ exitCode: 7 })
    await expect.poll(output, { timeout: 10_000 }).toMatch(/1\nend\n$/)
    expect(await sh(sandbox, 'pwd; echo "$GIVEN"')).toMatch(/\/place\n1\n$/)
  })

  it('ends a command in the background with all it started, when told to and when a change is exported', async () => {
    const patience = { timeout: 10_000 }
    await sandbox.importTree(tarOf({ a: '' }))
    const start = () => sandbox.startCommand('trap "" TERM; setsid sleep 945.5 & sleep 944.5; sleep 943.5')
    const job = await start()
    await expect.poll(() => processesWith('sleep 94').length, patience).toBe(2)
    await job.stop()
    // Killed, but on a busy machine not gone yet.
    await expect.poll(() => processesWith('sleep 94'), patience).toEqual([])
    expect(await job.ended).toEqual({})
    const other = await start()
    await expect.poll(() => processesWith('sleep 94').length, patience).toBe(2)
    await sandbox.exportChange({ maxFiles: 10, maxBytes: 1000 })
    expect(await other.ended).toEqual({})
    expect(processesWith('sleep 94')).toEqual([])
    await other.stop()
    await expect(sandbox.startCommand('a\0b')).rejects.toMatchObject({ category: 'invalid-input' })
  })

  inFullPlaces(
    'bounds what a command in the background writes, and keeps the output of those that run and of the last four',
    async () => {
      const flood = await sandbox.startCommand('yes | head -c 40000000; echo wrote')
      expect(await flood.ended).toEqual({ exitCode: 0 })
      const size = async () => Number(await sh(sandbox, `wc -c <'${flood.outputPath}'`))
      await expect.poll(size, { timeout: 10_000 }).toBeGreaterThan(16_000_000)
      expect(await size()).toBeLessThan(26_000_000)
      const running = await sandbox.startCommand('echo still; sleep 942.5')
      for (let count = 0; count < 6; count += 1) await (await sandbox.startCommand(`echo ${count}`)).ended
      await expect
        .poll(async () => (await sandbox.readFile(flood.outputPath, { maxBytes: 1 })).kind, { timeout: 10_000 })
        .toBe('missing')
      expect(await sandbox.readFile(running.outputPath, { maxBytes: 10 })).toMatchObject({
        bytes: Buffer.from('still\n'),
      })
      await running.stop()
    },
  )

  withEachShell('takes frames that a command prints as its output', async () => {
    const fake = 'ready 1\ndata 1 3\nabceof 1\nreply 2 file 1\n0killed 1 KILL\n'
    expect(await sh(sandbox, `printf '%s' '${fake}'`)).toBe(fake)
  })

  inFullPlaces('ends everything when its server does not answer any more, and goes on with a fresh one', async () => {
    const result = await sandbox.exec(`${toServer('-STOP')}; echo stopped; sleep 940.5`, {
      ...generous,
      timeoutMs: 3000,
    })
    expect(result).toMatchObject({ timedOut: true })
    // Five seconds without an answer to KILL, after the time was up.
    expect(result.durationMs).toBeGreaterThan(8000)
    expect(processesWith('sleep 940')).toEqual([])
    expect(await sh(sandbox, 'echo alive')).toBe('alive\n')
  })
}

/** A command that sends a signal to the channel's server in its own sandbox. */
function toServer(signal: string): string {
  return `for p in /proc/[0-9]*; do
    case $(tr '\\0' , <$p/cmdline 2>/dev/null) in
    *,serve,*) grep -q "$DEVBOT_SANDBOX" $p/environ && kill ${signal} \${p#/proc/} ;;
    esac
  done`
}

describe('a hostile channel', () => {
  /** An engine whose channel server is this script instead of ours. */
  async function openWith(script: string) {
    const made = makeDriver('/usr/bin:/bin')
    const engine = await createProcessEngine({
      id: randomBytes(6).toString('hex'),
      folder: join(made.root, 'hostile'),
      pathEnvironment: '/usr/bin:/bin',
    })
    const sandbox = createSandbox({ ...engine, start: () => engine.start(['sh', '-c', script]) }, 10)
    onTestFinished(async () => {
      await engine.remove()
      made.remove()
    })
    return await sandbox
  }
  const violation = { category: 'sandbox', code: 'channel-violation' }

  it.each([
    ['an unknown frame', 'echo hello'],
    ['a payload of a gigabyte', 'echo data 1 1073741824'],
    ['an endless header', 'yes | tr -d "\\n"'],
    ['data for a call that was never made', 'printf "data 99 1\\nx"'],
    ['an answer to a read in place of a command', 'printf "reply 1 surprise 0\\n"; echo eof 5'],
  ])('is closed on %s, and the sandbox is given up', async (_what, attack) => {
    const sandbox = await openWith(`echo ready 1; read -r line; ${attack}; sleep 930.5`)
    await expect(sandbox.exec('true', generous)).rejects.toMatchObject(violation)
    await expect(sandbox.exec('true', generous)).rejects.toMatchObject(violation)
    await expect(sandbox.run('true', generous)).rejects.toMatchObject(violation)
    await sandbox[Symbol.asyncDispose]()
    expect(processesWith('sleep 930')).toEqual([])
  })

  it.each([
    ['more of a file than was asked for', 'printf "data 1 3\\nabcdata 1 3\\nabc"'],
    ['a status that does not exist', 'printf "reply 1 surprise 0\\n"'],
    ['a size that is no number', 'printf "reply 1 file 1\\nx"'],
    ['the end of a command', 'echo eof 1'],
  ])('is closed when a read is answered with %s', async (_what, attack) => {
    const sandbox = await openWith(`echo ready 1; read -r line; ${attack}; sleep 930.5`)
    await expect(sandbox.readFile('x', { maxBytes: 2 })).rejects.toMatchObject(violation)
    await sandbox[Symbol.asyncDispose]()
  })

  it('is refused when its server does not start', async () => {
    await expect(openWith('echo why >&2; exit 3')).rejects.toMatchObject({
      code: 'channel-not-started',
      message: expect.stringContaining('why'),
    })
    await expect(openWith('echo missing dd setsid')).rejects.toMatchObject({
      code: 'sandbox-tool-missing',
      message: expect.stringContaining('dd, setsid'),
    })
  })
})

describe('a sandbox without a needed program', () => {
  it('is refused with the names of what is missing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'devbot-poor-'))
    for (const tool of ['sh', 'env', 'mkdir', 'rm', 'cat', 'mkfifo']) symlinkSync(`/bin/${tool}`, join(folder, tool))
    const made = makeDriver(folder)
    await expect(made.driver.create(specForTests)).rejects.toMatchObject({
      code: 'sandbox-tool-missing',
      details: { tools: expect.stringMatching(/\bdd\b.*\bsetsid\b.*\btar\b/) },
    })
    expect(readdirSync(join(made.root, readdirSync(made.root)[0] ?? ''))).toEqual([])
    made.remove()
    rmSync(folder, { recursive: true })
  })

  it('is refused when there is not even a shell', async () => {
    const made = makeDriver('/nonexistent')
    await expect(made.driver.create(specForTests)).rejects.toMatchObject({ category: 'sandbox' })
    made.remove()
  })
})
