import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { generous, makeDriver, sh, specForTests, tarOf, text } from '../testing/make-sandbox.ts'
import { processesWith } from '../testing/own-processes.ts'
import { createProcessDriver } from './process-driver.ts'

const PATH = '/usr/local/bin:/usr/bin:/bin'
const owners: ChildProcess[] = []
let made: ReturnType<typeof makeDriver>

beforeEach(() => {
  made = makeDriver(PATH)
})
afterEach(async () => {
  // What a failed test leaves: owners that live, and their sandboxes.
  for (const owner of owners.splice(0)) {
    if (owner.exitCode !== null || owner.signalCode !== null) continue
    owner.kill('SIGKILL')
    await once(owner, 'exit')
  }
  for (const instance of ['test', 'other']) {
    await createProcessDriver({ rootDirectory: made.root, pathEnvironment: PATH, instance }).reap()
  }
  made.remove()
})

function sandboxFolders(): readonly string[] {
  return readdirSync(made.root).flatMap((instance) => readdirSync(join(made.root, instance)))
}

describe('run', () => {
  it('gives the exit code and both outputs in order, in a folder of the workspace', async () => {
    await using sandbox = await made.driver.create(specForTests)
    await sandbox.importTree(tarOf({ 'packages/api/x': '' }))
    const result = await sandbox.run('pwd; echo err >&2; echo out; cat; exit 3', { ...generous, cwd: 'packages/api' })
    expect(result).toMatchObject({ exitCode: 3, timedOut: false, aborted: false })
    expect(text(result)).toMatch(/\/workspace\/packages\/api\nerr\nout\n$/)
    expect(await sandbox.run('kill -9 $$', generous)).toMatchObject({ exitCode: 137 })
    expect(await sandbox.run('echo no', { ...generous, cwd: 'absent' })).toMatchObject({ exitCode: 127 })
  })

  it('knows nothing of the tool channel: no state goes from one to the other', async () => {
    await using sandbox = await made.driver.create(specForTests)
    await sh(sandbox, 'cd /; export FROM_CHANNEL=1')
    expect(text(await sandbox.run('pwd; echo "[$FROM_CHANNEL]"', generous))).toMatch(/\/workspace\n\[\]\n$/)
  })

  it('hands none of the environment of this process over', async () => {
    process.env.SECRET_OF_THE_WORKER = 'hush'
    await using sandbox = await made.driver.create(specForTests)
    delete process.env.SECRET_OF_THE_WORKER
    const names = text(await sandbox.run('env', generous))
      .split('\n')
      .flatMap((line) => line.split('=')[0] || [])
    expect(
      names.filter((name) => !/^(PATH|HOME|TMPDIR|USER|LANG|PWD|OLDPWD|SHLVL|_|DEVBOT_(SANDBOX|PROCESS))$/.test(name)),
    ).toEqual([])
  })

  it('limits open files and writes no core files', async () => {
    await using sandbox = await made.driver.create(specForTests)
    expect(text(await sandbox.run('ulimit -n; ulimit -c', generous))).toBe('4096\n0\n')
  })

  it('kills everything the command started when the time is up or the signal aborts', async () => {
    await using sandbox = await made.driver.create(specForTests)
    const command =
      'echo on; sleep 881.5 & setsid sleep 882.5 & (setsid sh -c "sleep 883.5; :" &) ; trap "" TERM; sleep 884.5'
    const timedOut = await sandbox.run(command, { ...generous, timeoutMs: 500 })
    expect(timedOut).toMatchObject({ timedOut: true, aborted: false })
    expect(timedOut.exitCode).toBeUndefined()
    expect(text(timedOut)).toBe('on\n')
    const aborted = await sandbox.run(command, { ...generous, signal: AbortSignal.timeout(500) })
    expect(aborted).toMatchObject({ timedOut: false, aborted: true })
    expect(await sandbox.run('echo never', { ...generous, signal: AbortSignal.abort() })).toMatchObject({
      aborted: true,
      totalOutputBytes: 0,
    })
    expect(processesWith('sleep 88')).toEqual([])
  })

  it('caps endless output and does not wait for what a command leaves behind', async () => {
    await using sandbox = await made.driver.create(specForTests)
    const flood = await sandbox.run('yes', { timeoutMs: 700, maxOutputBytes: 1000 })
    expect(flood).toMatchObject({ timedOut: true })
    expect(flood.output.length).toBe(1000)
    const left = await sandbox.run('sleep 871.5 & echo done', generous)
    expect(left).toMatchObject({ exitCode: 0, totalOutputBytes: 5 })
    expect(left.durationMs).toBeLessThan(5000)
  })
})

describe('createProcessDriver', () => {
  it('refuses an image or side services of a repository, and says what to set', async () => {
    const services = [{ name: 'db', image: 'postgres:16', port: 5432, env: {}, start_seconds: 60 }]
    for (const images of [{ image: 'python:3' }, { services }, { image: 'python:3', services }]) {
      const refusal = { category: 'config', message: expect.stringMatching(/asks for .*SANDBOX_DRIVER=docker/) }
      await expect(made.driver.prepare(undefined, images)).rejects.toMatchObject(refusal)
      await expect(made.driver.create({ ...specForTests, ...images })).rejects.toMatchObject(refusal)
    }
    await expect(made.driver.prepare(undefined, { services: [] })).resolves.toBeDefined()
  })

  it('keeps two sandboxes apart', async () => {
    await using first = await made.driver.create(specForTests)
    await using second = await made.driver.create(specForTests)
    await Promise.all([sh(first, 'echo 1 >f; cd /; export X=1'), sh(second, 'echo 2 >f; export X=2')])
    expect(await Promise.all([first, second].map((one) => one.readFile('f', { maxBytes: 10 })))).toMatchObject([
      { bytes: Buffer.from('1\n') },
      { bytes: Buffer.from('2\n') },
    ])
    await first.exec('sleep 861.5 &', generous)
    await second.exec('sleep 862.5 &', generous)
    await first[Symbol.asyncDispose]()
    expect(processesWith('sleep 861')).toEqual([])
    expect(processesWith('sleep 862').length).toBe(1)
    expect(await sh(second, 'echo $X; cat f')).toBe('2\n2\n')
  })

  it('leaves no process and no folder when it is disposed of, whatever was done to escape', async () => {
    const sandbox = await made.driver.create(specForTests)
    await sh(sandbox, 'mkdir -p ro/deep && echo x >ro/deep/f && chmod -R a-w ro && chmod 000 ro')
    const escapes = [
      'setsid sleep 851.5',
      'env -i setsid sleep 852.5',
      'nohup sleep 853.5',
      '(setsid sh -c "sleep 854.5 & wait" &)',
    ]
    for (const command of escapes) await sandbox.exec(`${command} >/dev/null 2>&1 &`, generous)
    await sandbox.exec('sleep 0.3', generous)
    expect(processesWith('sleep 85').length).toBeGreaterThanOrEqual(4)
    const pending = sandbox.exec('sleep 855.5', generous).catch((error: unknown) => error)
    await sandbox[Symbol.asyncDispose]()
    expect(await pending).toMatchObject({ code: 'sandbox-gone' })
    expect(processesWith('sleep 85')).toEqual([])
    expect(sandboxFolders()).toEqual([])
    const gone = { category: 'sandbox', code: 'sandbox-gone' }
    await expect(sandbox.exec('true', generous)).rejects.toMatchObject(gone)
    await expect(sandbox.run('true', generous)).rejects.toMatchObject(gone)
    await sandbox[Symbol.asyncDispose]()
  })

  it('keeps the channel in a folder of its own when there is one, and removes and reaps that too', async () => {
    const options = { rootDirectory: made.root, pathEnvironment: PATH, instance: 'test' }
    const scratchDirectory = join(made.root, 'scratch')
    const driver = createProcessDriver({ ...options, scratchDirectory })
    const sandbox = await driver.create(specForTests)
    const left = readdirSync(scratchDirectory).map((instance) => join(scratchDirectory, instance))
    expect(left.flatMap((folder) => readdirSync(folder)).length).toBe(1)
    expect(await sh(sandbox, 'echo works')).toBe('works\n')
    await sandbox[Symbol.asyncDispose]()
    expect(left.flatMap((folder) => readdirSync(folder))).toEqual([])
    for (const folder of left) mkdirSync(join(folder, '4194999-1-0123456789ab'))
    expect(await driver.reap()).toBe(0)
    expect(left.flatMap((folder) => readdirSync(folder))).toEqual([])
  })

  it('stops everything when the lifetime is over', async () => {
    const limits = { ...specForTests.limits, maxMinutes: 1 / 60 }
    await using sandbox = await made.driver.create({ ...specForTests, limits })
    const over = { category: 'sandbox', code: 'sandbox-lifetime-over' }
    await expect(sandbox.exec('sleep 841.5', generous)).rejects.toMatchObject(over)
    await expect(sandbox.run('true', generous)).rejects.toMatchObject(over)
    await expect.poll(() => processesWith('sleep 841'), { timeout: 10_000 }).toEqual([])
  })

  it('makes nothing when it is aborted', async () => {
    await expect(made.driver.create(specForTests, AbortSignal.abort())).rejects.toMatchObject({ category: 'cancelled' })
    expect(sandboxFolders()).toEqual([])
  })
})

describe('reap', () => {
  /** A worker of its own that makes a sandbox with a process in it and then waits to be killed. */
  async function startOwner(instance: string) {
    const program = `
      import { createProcessDriver } from ${JSON.stringify(join(import.meta.dirname, 'process-driver.ts'))}
      const driver = createProcessDriver(${JSON.stringify({ rootDirectory: made.root, pathEnvironment: PATH, instance })})
      const sandbox = await driver.create(${JSON.stringify(specForTests)})
      await sandbox.exec('setsid sleep 831.5 & echo x >f', { timeoutMs: 10000, maxOutputBytes: 100 })
      console.log('ready')
      setInterval(() => {}, 1000)`
    const owner = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    owners.push(owner)
    await once(owner.stdout, 'data')
    return owner
  }

  it('removes what a killed owner left, with its processes, and nothing of the living or of other instances', async () => {
    const dead = await startOwner('test')
    const alive = await startOwner('test')
    const other = await startOwner('other')
    await using own = await made.driver.create(specForTests)
    for (const owner of [dead, other]) {
      owner.kill('SIGKILL')
      await once(owner, 'exit')
    }
    expect(processesWith('sleep 831').length).toBe(3)
    expect(await made.driver.reap()).toBe(1)
    expect(processesWith('sleep 831').length).toBe(2)
    expect(sandboxFolders().length).toBe(3)
    expect(await sh(own, 'echo alive')).toBe('alive\n')
    expect(await made.driver.reap()).toBe(0)

    alive.kill('SIGKILL')
    await once(alive, 'exit')
    expect(await made.driver.reap()).toBe(1)
    const others = createProcessDriver({ rootDirectory: made.root, pathEnvironment: PATH, instance: 'other' })
    expect(await others.reap()).toBe(1)
    expect(processesWith('sleep 831')).toEqual([])
    expect(sandboxFolders().length).toBe(1)
  })

  it('finds nothing where no sandbox was ever made', async () => {
    expect(await made.driver.reap()).toBe(0)
    expect(existsSync(made.root)).toBe(true)
  })
})
