import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DevBotError } from '@devbot/contracts'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createSandbox } from '../create-sandbox.ts'
import type { SandboxEngine } from '../engine.ts'
import { createProcessEngine } from '../process/process-engine.ts'
import type { Sandbox } from '../sandbox.ts'
import { generous, makeDriver, sh, specForTests, tarOf, text } from '../testing/make-sandbox.ts'
import { processesWith } from '../testing/own-processes.ts'

const PATH = '/usr/bin:/bin'
/** What an ended sandbox still has to kill is found by its id: two tests must never share one. */
const ownId = () => randomBytes(6).toString('hex')

/** Our own engine, with this script in place of the channel's server. */
async function openWith(script: string, change: (engine: SandboxEngine) => Partial<SandboxEngine> = () => ({})) {
  const made = makeDriver(PATH)
  const engine = await createProcessEngine({ id: ownId(), folder: join(made.root, 'hostile'), pathEnvironment: PATH })
  onTestFinished(async () => {
    await engine.remove()
    made.remove()
  })
  return await createSandbox({ ...engine, start: () => engine.start(['sh', '-c', script]), ...change(engine) }, 10)
}

async function makeReal(): Promise<Sandbox> {
  const made = makeDriver(PATH)
  const sandbox = await made.driver.create(specForTests)
  onTestFinished(async () => {
    await sandbox[Symbol.asyncDispose]()
    made.remove()
  })
  return sandbox
}

const violation = { category: 'sandbox', code: 'channel-violation' }
const MIB = 1024 * 1024

/** How much this process grew while something ran. */
async function growthDuring(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage().rss
  let peak = before
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 50)
  await work().finally(() => clearInterval(watch))
  return peak - before
}

describe('frames forged for a call under way', () => {
  it.each([
    ['an early end with another code', 'exit 1 77\\neof 1\\n', { exitCode: 77 }],
    ['output it never gave', 'data 1 5\\nfakedexit 1 0\\neof 1\\n', { exitCode: 0, totalOutputBytes: 5 }],
    ['the same end a hundred times', `${'exit 1 3\\n'.repeat(100)}eof 1\\neof 1\\n`, { exitCode: 3 }],
    ['an end without a code', 'eof 1\\n', { timedOut: false, aborted: false }],
    ['a kill that nobody asked for', 'killed 1 KILL\\nkilled 1 TERM\\nexit 1 0\\neof 1\\n', { exitCode: 0 }],
  ])('give a wrong result and nothing worse: %s', async (_what, frames, result) => {
    const sandbox = await openWith(`echo ready 1; read -r line; printf '${frames}'; cat >/dev/null`)
    expect(await sandbox.exec('true', { ...generous, timeoutMs: 5000 })).toMatchObject(result)
    // What the worker itself runs does not come through the channel; here the engine only knows the script.
    await sandbox[Symbol.asyncDispose]()
  })

  it('make a command that goes on look ended, and the scan still stops it first', async () => {
    const made = makeDriver(PATH)
    const engine = await createProcessEngine({ id: ownId(), folder: join(made.root, 'forge'), pathEnvironment: PATH })
    // The server writes into a pipe, as in a container: whoever has its user can open that and write into it too.
    const start: SandboxEngine['start'] = (argv) =>
      engine.start(argv[3] === 'devbot' ? ['sh', '-c', '"$@" | cat', 'sh', ...argv] : argv)
    const sandbox = await createSandbox({ ...engine, start }, 10)
    onTestFinished(async () => {
      await sandbox[Symbol.asyncDispose]()
      made.remove()
    })
    await sandbox.importTree(tarOf({ a: '' }))
    const forge = `for p in /proc/[0-9]*; do
      case $(tr '\\0' , <$p/cmdline 2>/dev/null) in
      *,serve,*) grep -q "$DEVBOT_SANDBOX" $p/environ && server=$p ;;
      esac
    done; printf 'exit 1 0\\neof 1\\n' >$server/fd/4; sleep 929.5`
    expect(await sandbox.exec(forge, generous)).toMatchObject({ exitCode: 0 })
    // The forged end may be heard before the shell has started what follows it.
    await expect.poll(() => processesWith('sleep 929').length, { timeout: 10_000 }).toBe(1)
    expect(await sh(sandbox, 'echo goes on')).toBe('goes on\n')
    await sandbox.exportChange({ maxFiles: 10, maxBytes: 1000 })
    expect(processesWith('sleep 929')).toEqual([])
  })
})

function expectViolation(error: unknown): void {
  expect(error).toMatchObject(violation)
}

describe('floods', () => {
  it.each([
    ['frames for calls that are over', "yes 'eof 1'"],
    ['data for calls that are over', "yes 'data 1 0'"],
    ['blocks for calls that are over', 'while :; do echo data 1 1000000; head -c 1000000 /dev/zero; done'],
    ['exits for a call under way', "yes 'exit 2 0'"],
    ['empty data for a call under way', "yes 'data 2 0'"],
    ['bytes for a call under way', `while :; do printf 'data 2 1\\nx%.0s' 1 2 3 4 5 6 7 8 9 10; done`],
  ])('of %s, with a server that reads nothing, end at the deadline in flat memory', async (_what, flood) => {
    // Answers the first call, then floods.
    const second = `while [ "$id" != 2 ]; do read -r verb id line; done`
    const sandbox = await openWith(`echo ready 1; read -r line; printf 'exit 1 0\\neof 1\\n'; ${second}; ${flood}`)
    expect(await sandbox.exec('true', generous)).toMatchObject({ exitCode: 0 })
    const growth = await growthDuring(async () => {
      const result = await sandbox.exec('true', { timeoutMs: 2000, maxOutputBytes: 24_000 })
      expect(result.output.length).toBeLessThan(25_000)
    })
    expect(growth).toBeLessThan(300 * MIB)
    await sandbox[Symbol.asyncDispose]()
  })

  it('of one payload byte by byte take no more than the payload', async () => {
    const drip = `printf 'data 1 1048576\\n'; while :; do printf x; done`
    const sandbox = await openWith(`echo ready 1; read -r line; ${drip}`)
    // On a quick machine the payload is full before the deadline, and what drips on is no frame.
    const call = () => sandbox.exec('true', { timeoutMs: 3000, maxOutputBytes: 24_000 }).catch(expectViolation)
    expect(await growthDuring(call)).toBeLessThan(100 * MIB)
    await sandbox[Symbol.asyncDispose]()
  })

  it.each([
    ['a length of ten digits', 'data 1 9999999999'],
    ['a length just above the largest', 'data 1 1048577'],
    ['a reply of a gigabyte', 'reply 1 file 1073741824'],
    ['a length with a sign', 'data 1 -1'],
    ['an id beyond every call', 'eof 4000000000'],
    ['a header of a kilobyte', 'data 1 "$(head -c 1000 /dev/zero | tr "\\\\0" 0)"'],
  ])('never start: %s closes the channel', async (_what, header) => {
    const sandbox = await openWith(`echo ready 1; read -r line; echo ${header}; exec sleep 928.5`)
    await expect(sandbox.exec('true', { ...generous, timeoutMs: 5000 })).rejects.toMatchObject(violation)
    await expect.poll(() => processesWith('sleep 928'), { timeout: 10_000 }).toEqual([])
  })

  it('of output by an honest command stay flat', async () => {
    const sandbox = await makeReal()
    const growth = await growthDuring(async () => {
      const options = { timeoutMs: 3000, maxOutputBytes: 24_000 }
      const [first, second, third] = await Promise.all([
        sandbox.exec('yes', options),
        sandbox.exec('cat /dev/zero', options),
        sandbox.run('yes', options),
      ])
      for (const flood of [first, second, third]) {
        expect(flood).toMatchObject({ timedOut: true })
        expect(flood?.output.length).toBe(24_000)
      }
    })
    expect(growth).toBeLessThan(300 * MIB)
    expect(await sh(sandbox, 'echo alive')).toBe('alive\n')
  }, 120_000)
})

describe('a server that is cut off', () => {
  it('by a closed stdout is replaced at once', async () => {
    const sandbox = await openWith('echo ready 1; read -r line; exec >&-; exec sleep 927.5')
    const started = performance.now()
    const result = await sandbox.exec('true', generous)
    expect(result.exitCode).toBeUndefined()
    expect(text(result)).toContain('the shell ended')
    expect(performance.now() - started).toBeLessThan(5000)
    await expect.poll(() => processesWith('sleep 927'), { timeout: 10_000 }).toEqual([])
  })

  it('by a closed stdin does not end the worker', async () => {
    const sandbox = await openWith('echo ready 1; read -r line; exec <&-; exec sleep 926.5')
    const results = await Promise.all(
      [1, 2, 3].map(() => sandbox.exec('true', { ...generous, timeoutMs: 1000 }).catch((error) => error)),
    )
    expect(results.length).toBe(3)
  })

  it('again and again ends as a broken sandbox, not as an endless wait', async () => {
    const sandbox = await openWith('echo ready 1; exit')
    const ended = await sandbox.readFile('x', { maxBytes: 10 }).catch((error: unknown) => error)
    expect(ended).toMatchObject({ category: 'sandbox' })
  })

  it('in the middle of a file call has the call repeated on a fresh one', async () => {
    let starts = 0
    const made = makeDriver(PATH)
    const engine = await createProcessEngine({ id: ownId(), folder: join(made.root, 'flaky'), pathEnvironment: PATH })
    onTestFinished(async () => {
      await engine.remove()
      made.remove()
    })
    const start: SandboxEngine['start'] = (argv) => {
      starts += 1
      return engine.start(starts === 1 ? ['sh', '-c', 'echo ready 1; read -r line; exit'] : argv)
    }
    const sandbox = await createSandbox({ ...engine, start }, 10)
    expect(await sandbox.writeFile('a', Buffer.from('b'))).toEqual({ kind: 'written' })
    expect(await sandbox.readFile('a', { maxBytes: 10 })).toMatchObject({ kind: 'file', bytes: Buffer.from('b') })
  })

  it('and cannot be ended gives an error in time, and breaks nothing else', async () => {
    const failing = Object.assign(new Error('no'), { category: 'sandbox' })
    const sandbox = await openWith('', (engine) => ({
      start: async () => {
        const process = await engine.start(['sh', '-c', 'echo ready 1; read -r line; echo nonsense; exec sleep 925.5'])
        return { ...process, kill: () => Promise.reject(failing) }
      },
    }))
    await expect(sandbox.exec('true', generous)).rejects.toMatchObject(violation)
  })
})

describe('a stopped server', () => {
  it('has its calls ended: the group, then everything, and the next command gets a fresh one', async () => {
    const sandbox = await makeReal()
    const stop = `for p in /proc/[0-9]*; do
      case $(tr '\\0' , <$p/cmdline 2>/dev/null) in
      *,serve,*) grep -q "$DEVBOT_SANDBOX" $p/environ && kill -STOP \${p#/proc/} ;;
      esac
    done; sleep 924.5`
    const calls = await Promise.all([
      sandbox.exec(stop, { ...generous, timeoutMs: 1500 }),
      sandbox.exec('sleep 923.5', { ...generous, timeoutMs: 1500 }),
    ])
    for (const call of calls) expect(call).toMatchObject({ timedOut: true })
    expect(processesWith('sleep 92')).toEqual([])
    expect(await sh(sandbox, 'echo fresh')).toBe('fresh\n')
  }, 60_000)

  it('breaks the sandbox when even that cannot be done', async () => {
    const stuck = new DevBotError({ category: 'sandbox', code: 'sandbox-not-stopped', message: 'still there' })
    const sandbox = await openWith('echo ready 1; kill -STOP $$', () => ({ killAll: () => Promise.reject(stuck) }))
    await expect(sandbox.exec('true', { ...generous, timeoutMs: 200 })).rejects.toBe(stuck)
    await expect(sandbox.exec('true', generous)).rejects.toBe(stuck)
  }, 30_000)
})
