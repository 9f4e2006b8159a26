import { afterEach, describe, expect, it } from 'vitest'
import type { Sandbox, SandboxSpec } from '../sandbox.ts'
import { inspectPart, makeDockerDriver, removeInstance, thingsOf } from '../testing/docker-pods.ts'
import { generous, tarOf, text } from '../testing/make-sandbox.ts'
import { processesWith } from '../testing/own-processes.ts'
import { engineAnswers } from '../testing/test-images.ts'
import { createDockerClient } from './docker-client.ts'
import type { DockerDriverOptions } from './docker-driver.ts'

const dockerHost = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock'
const answers = await engineAnswers(dockerHost)

const MIB = 1024 ** 2
const limits = { memoryBytes: 256 * MIB, diskBytes: 128 * MIB, cpus: 1, processes: 100, maxMinutes: 10 }
const instances: string[] = []

async function make(options: Partial<DockerDriverOptions> = {}, spec: Partial<SandboxSpec['limits']> = {}) {
  const made = await makeDockerDriver(dockerHost, options)
  instances.push(made.instance)
  return {
    ...made,
    sandbox: await made.driver.create({ ...made.spec, limits: { ...limits, ...spec } }),
  }
}

/** Works, and nothing is left in it that has to be killed for that. */
async function expectUsable(sandbox: Sandbox): Promise<void> {
  expect(text(await sandbox.run('echo usable', generous))).toBe('usable\n')
}

describe.skipIf(!answers)('what goes wild in a sandbox (needs a Docker engine)', () => {
  afterEach(async () => {
    for (const instance of instances.splice(0)) await removeInstance(dockerHost, instance)
  })

  it('is ended by its time limit when it forks without end, and the sandbox goes on', async () => {
    const { sandbox, instance } = await make()
    await using _owned = sandbox
    await sandbox.importTree(tarOf({ 'a.txt': 'one\n' }))
    const bomb = await sandbox.run('bomb() { bomb | bomb & }; bomb; sleep 100', { ...generous, timeoutMs: 2000 })
    expect(bomb).toMatchObject({ timedOut: true })
    await expectUsable(sandbox)
    await sandbox.exec('echo two >a.txt; (bomb() { bomb | bomb & }; bomb) 2>/dev/null', {
      ...generous,
      timeoutMs: 3000,
    })
    expect((await sandbox.exportChange({ maxFiles: 10, maxBytes: 1000 })).entries.length).toBe(1)
    await sandbox[Symbol.asyncDispose]()
    expect(await thingsOf(dockerHost, instance)).toEqual({ containers: [], volumes: [] })
  })

  it('gets no more memory than it was given: what takes it is killed, and the sandbox goes on', async () => {
    const { sandbox } = await make()
    await using _owned = sandbox
    const eaters = "node -e 'const all = []; for (;;) all.push(Buffer.alloc(16e6, 1))'"
    expect(await sandbox.run(eaters, generous)).toMatchObject({ exitCode: 137, timedOut: false })
    await expectUsable(sandbox)
  })

  it('gets no more room than it was given, in bytes and in files', async () => {
    const { sandbox } = await make()
    await using _owned = sandbox
    const fill = await sandbox.run('head -c 200000000 /dev/zero >big; stat -c %s big; rm big', generous)
    expect(text(fill)).toMatch(/No space left on device/)
    expect(Number(/^(\d+)$/m.exec(text(fill))?.[1])).toBeLessThanOrEqual(96 * MIB)
    const files = await sandbox.run('i=0; while true >f$i; do i=$((i + 1)); done 2>&1; echo $i; rm f*', generous)
    expect(text(files)).toMatch(/No space left on device/)
    expect(Number(/^(\d+)$/m.exec(text(files))?.[1])).toBeLessThanOrEqual(12_288)
    expect(
      text(await sandbox.run('head -c 100000000 /dev/zero >/tmp/x; head -c 100000000 /dev/zero >/dev/shm/x', generous)),
    ).toMatch(/No space.*No space/s)
    await expectUsable(sandbox)
  })

  it('is told as a full disk and ended where the workspace is a volume, by bytes and by files', async () => {
    const full = { category: 'sandbox', code: 'sandbox-disk-full', message: expect.stringContaining('SANDBOX_DISK') }
    for (const fill of [
      'head -c 300000000 /dev/zero >big; sync; sleep 60',
      'mkdir d; i=0; while [ $i -lt 20000 ]; do : >d/$i; i=$((i + 1)); done; sleep 60',
      // Hidden from who counts files: only the disk below shows it.
      'exec 3>big; rm big; head -c 900000000 /dev/zero >&3; sleep 60',
    ]) {
      const { sandbox, instance } = await make({ workspace: 'volume' })
      await using _owned = sandbox
      await expect(sandbox.run(fill, { ...generous, timeoutMs: 55_000 }), fill).rejects.toMatchObject(full)
      await expect(sandbox.exec('true', generous)).rejects.toMatchObject(full)
      await sandbox[Symbol.asyncDispose]()
      expect(await thingsOf(dockerHost, instance)).toEqual({ containers: [], volumes: [] })
    }
  }, 180_000)

  it('fills no memory of ours with endless output', async () => {
    const { sandbox } = await make()
    await using _owned = sandbox
    const before = process.memoryUsage().rss
    const flood = await sandbox.run('yes', { timeoutMs: 2000, maxOutputBytes: 10_000 })
    expect(flood).toMatchObject({ timedOut: true })
    expect(flood.output.length).toBe(10_000)
    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000)
    await expectUsable(sandbox)
  })

  it('does not outlive its command, however it hides, and stopped processes neither', async () => {
    const { sandbox } = await make()
    await using _owned = sandbox
    const command =
      'setsid sleep 821.5 & env -i setsid sleep 822.5 & (setsid sh -c "trap \\"\\" TERM HUP; sleep 823.5; :" &) ; sleep 824.5 & kill -STOP $!; sleep 825.5'
    expect(await sandbox.run(command, { ...generous, timeoutMs: 700 })).toMatchObject({ timedOut: true })
    expect(processesWith('sleep 82')).toEqual([])
    await sandbox.importTree(tarOf({ a: '' }))
    await sandbox.exec(`${command} &`, { ...generous, timeoutMs: 2000 })
    expect(processesWith('sleep 82').length).toBeGreaterThan(0)
    await sandbox.exportChange({ maxFiles: 10, maxBytes: 1000 })
    expect(processesWith('sleep 82')).toEqual([])
    await expectUsable(sandbox)
  })

  it('is told as over when its lifetime ends, also by the container itself', async () => {
    const { sandbox } = await make({}, { maxMinutes: 3 / 60 })
    await using _owned = sandbox
    const over = { category: 'sandbox', code: 'sandbox-lifetime-over' }
    await expect(sandbox.run('sleep 30', generous)).rejects.toMatchObject(over)
    await expect(sandbox.exec('true', generous)).rejects.toMatchObject(over)
  })

  it('is told as gone when somebody ends its container from outside', async () => {
    const { sandbox, instance } = await make()
    await using _owned = sandbox
    const { id } = await inspectPart(dockerHost, instance, 'sandbox')
    const pending = sandbox.run('sleep 30', generous).catch((error: unknown) => error)
    await createDockerClient(dockerHost).removeContainer(id)
    const gone = { category: 'sandbox', code: 'sandbox-gone' }
    expect(await pending).toMatchObject(gone)
    await expect(sandbox.exec('true', generous)).rejects.toMatchObject(gone)
  })
})
