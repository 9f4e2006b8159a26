import { type SideService, sideServiceSchema } from '@devbot/contracts'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { inspectPart, makeDockerDriver, newInstance, removeInstance, thingsOf } from '../testing/docker-pods.ts'
import { generous, sh, text } from '../testing/make-sandbox.ts'
import { engineAnswers, ensureTestImage } from '../testing/test-images.ts'
import { createDockerClient } from './docker-client.ts'
import type { DockerDriverOptions } from './docker-driver.ts'

const dockerHost = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock'
const answers = await engineAnswers(dockerHost)
const NOTHING = { containers: [], volumes: [] }
const instances: string[] = []

describe.skipIf(!answers)('side services (need a Docker engine)', () => {
  let redis = ''
  beforeAll(async () => {
    redis = await ensureTestImage(dockerHost, 'redis')
  })
  afterEach(async () => {
    for (const instance of instances.splice(0)) await removeInstance(dockerHost, instance)
  })

  async function make(options: Partial<DockerDriverOptions> = {}) {
    const made = await makeDockerDriver(dockerHost, options)
    instances.push(made.instance)
    return made
  }
  const service = (rest: Partial<SideService>) =>
    sideServiceSchema.parse({ name: 'cache', image: redis, port: 6379, ...rest })
  const shell = (script: string) => ['sh', '-c', script]
  const say = (command: string) => `bash -c 'exec 3<>/dev/tcp/127.0.0.1/6379; echo ${command} >&3; head -n 1 <&3'`

  it('are met on loopback once the sandbox is there, each empty', async () => {
    const { driver, spec, instance } = await make()
    const services = [service({ command: ['redis-server', '--dir', '/data'] })]
    for (const _time of [1, 2]) {
      await using sandbox = await driver.create({ ...spec, services })
      expect(await sh(sandbox, say('DBSIZE'))).toBe(':0\r\n')
      expect(await sh(sandbox, say('SET a 1'))).toBe('+OK\r\n')
      expect(await sh(sandbox, say('SAVE'))).toBe('+OK\r\n')
    }
    expect(await thingsOf(dockerHost, instance)).toEqual(NOTHING)
  })

  it('are contained like a sandbox, with memory for what their image keeps on volumes, and a log that ends', async () => {
    const { driver, spec, instance } = await make()
    const services = [service({ env: { ONE: 'a=b c', TWO: '' } })]
    await using _sandbox = await driver.create({ ...spec, services })
    const anchor = await inspectPart(dockerHost, instance, 'anchor')
    const { id, inspected } = await inspectPart(dockerHost, instance, 'service')
    expect(inspected.HostConfig).toMatchObject({
      NetworkMode: `container:${anchor.id}`,
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      CgroupnsMode: 'private',
      CpuShares: 256,
      Memory: 512 * 1024 ** 2,
      MemorySwap: 512 * 1024 ** 2,
      PidsLimit: spec.limits.processes,
      LogConfig: { Type: 'json-file', Config: { 'max-file': '2', 'max-size': '512k' } },
      Init: true,
    })
    expect(inspected.Config).toMatchObject({ User: '65534:65534', Healthcheck: { Test: ['NONE'] } })
    expect(inspected.Config?.Env).toEqual(expect.arrayContaining(['ONE=a=b c', 'TWO=']))
    expect(JSON.stringify(inspected.Config?.Env)).not.toMatch(/proxy/i)
    expect(inspected.Config?.Labels).toMatchObject({ 'dev.devbot.role': 'service', 'dev.devbot.service': 'cache' })
    // Its volume is memory: the engine made none.
    expect(inspected.Mounts).toEqual([])
    const seen = await inside(
      id,
      'id -u; touch /data/x /tmp/x /run/x /run/postgresql/x && ! touch /x 2>/dev/null && stat -c %u /data',
    )
    expect(seen).toBe('65534\n65534\n')
  })

  /** As the operator would look. */
  async function inside(containerId: string, script: string): Promise<string> {
    const { runInContainer } = await import('./run-in-container.ts')
    const client = createDockerClient(dockerHost)
    const input = { client, containerId, user: '65534:65534', argv: shell(script), timeoutMs: 10_000 }
    return (await runInContainer(input))?.output ?? ''
  }

  it('see nothing of the sandbox and are seen by it on the network only', async () => {
    const { driver, spec, instance } = await make()
    await using sandbox = await driver.create({ ...spec, services: [service({})] })
    await sandbox.exec('setsid sleep 711.5 & touch /tmp/from-the-sandbox /sandbox/workspace/y', generous)
    expect(await sh(sandbox, 'grep -sla redis-server /proc/[0-9]*/comm || echo none')).toBe('none\n')
    const { id } = await inspectPart(dockerHost, instance, 'service')
    expect(await inside(id, 'grep -sla sleep /proc/[0-9]*/comm; ls /tmp /sandbox 2>&1')).not.toMatch(
      /comm|from-the-sandbox|workspace/,
    )
    // A kill of everything in the sandbox is no kill of theirs, nor is it the other way round.
    await sandbox.exec('kill -9 -1', generous)
    expect(await sh(sandbox, say('PING'))).toBe('+PONG\r\n')
  })

  it('are waited for: their port, and a health command that has to end with 0', async () => {
    const { driver, spec } = await make()
    const slow = service({
      command: shell('sleep 1; redis-server --save "" & sleep 2; touch /tmp/well; wait'),
      health: ['test', '-e', '/tmp/well'],
    })
    const startedAt = performance.now()
    await using _sandbox = await driver.create({ ...spec, services: [slow] })
    expect(performance.now() - startedAt).toBeGreaterThan(3_000)
  })

  it.each<[string, Partial<SideService>, string, RegExp]>([
    [
      'ends',
      { command: shell('echo first; seq 1 5000; echo "no such option"; exit 3') },
      'service-ended',
      /cache .*has ended: with exit code 3\. .*\b5000\nno such option$/s,
    ],
    [
      'never listens',
      { command: shell('echo waiting; sleep 300'), start_seconds: 1 },
      'service-not-ready',
      /cache .*was not ready after 1 s \(start_seconds\): nothing listens on its port 6379\. .*waiting$/s,
    ],
    ['is never well', { health: ['false'], start_seconds: 1 }, 'service-not-ready', /its health command ended with 1/],
    [
      'has a health command that hangs',
      { health: ['sleep', '200'], start_seconds: 1 },
      'service-not-ready',
      /its health command gave no answer in time/,
    ],
    [
      'has a health command that is not there',
      { health: ['absent'], start_seconds: 1 },
      'service-not-ready',
      /its health command ended with 12[67]|could not be started/,
    ],
    ['has a command that is not there', { command: ['absent'] }, 'service-ended', /absent/],
    [
      'needs more memory',
      { command: shell('tail /dev/zero; exit 9') },
      'service-ended',
      /for want of memory \(SERVICE_MEMORY\)/,
    ],
    [
      'disguises what it writes',
      { command: shell("printf 'a\\033[2Jb\\342\\200\\256c\\r\\nd\\000\\377'; exit 1") },
      'service-ended',
      /wrote:\na\[2Jbc\nd\uFFFD?$/,
    ],
  ])('one that %s is an error that names it, and leaves nothing', async (_what, rest, code, message) => {
    const { driver, spec, instance } = await make()
    const startedAt = performance.now()
    await expect(driver.create({ ...spec, services: [service(rest)] })).rejects.toMatchObject({
      category: 'sandbox',
      code,
      message: expect.stringMatching(message),
    })
    expect(performance.now() - startedAt).toBeLessThan(15_000)
    expect(await thingsOf(dockerHost, instance)).toEqual(NOTHING)
  })

  it('are given up at once when one fails, or the sandbox is no longer wanted', async () => {
    const { driver, spec, instance } = await make()
    const never = service({ name: 'never', port: 1, command: shell('sleep 300'), start_seconds: 300 })
    const failing = service({ command: shell('exit 1') })
    await expect(driver.create({ ...spec, services: [never, failing] })).rejects.toMatchObject({
      code: 'service-ended',
    })
    const aborted = driver.create({ ...spec, services: [never] }, AbortSignal.timeout(2_000))
    await expect(aborted).rejects.toMatchObject({ category: 'cancelled' })
    expect(await thingsOf(dockerHost, instance)).toEqual(NOTHING)
  })

  it('cannot share a port, nor take that of the way out', async () => {
    const { driver, spec, instance } = await make()
    const create = (services: readonly SideService[]) => driver.create({ ...spec, services })
    await expect(create([service({}), service({ name: 'other' })])).rejects.toMatchObject({
      code: 'service-port-taken',
      message: expect.stringMatching(/other wants port 6379, which is that of the side service cache/),
    })
    await expect(create([service({ port: 3128 })])).rejects.toMatchObject({
      message: expect.stringContaining('way out'),
    })
    expect(await thingsOf(dockerHost, instance)).toEqual(NOTHING)
  })

  it('cannot answer in place of the way out, which is listened on before they start', async () => {
    const volume = newInstance()
    const client = { open: async () => ({ refusals: async () => [], close: async () => undefined }) }
    const anchorImage = await ensureTestImage(dockerHost, 'socat')
    const { driver, spec } = await make({ anchorImage, egress: { volume, client } })
    const both = ['127.0.0.1', '0.0.0.0'].map((address) => `redis-server --port 3128 --bind ${address}`)
    const services = [service({ command: shell(`${both.join('; ')}; exit 5`) })]
    await expect(driver.create({ ...spec, services })).rejects.toMatchObject({
      code: 'service-ended',
      message: expect.stringMatching(
        /exit code 5\b.*127\.0\.0\.1:3128: bind: Address already in use.*0\.0\.0\.0:3128: bind: Address already in use/s,
      ),
    })
    await createDockerClient(dockerHost).removeVolume(volume)
  })

  it('that end later are told of where a command fails', async () => {
    const { driver, spec } = await make()
    await using sandbox = await driver.create({ ...spec, services: [service({})] })
    expect(text(await sandbox.run('exit 4', generous))).toBe('')
    const stop = say('SHUTDOWN NOSAVE')
    await sandbox.exec(`${stop}; sleep 1`, generous)
    const failed = await sandbox.run('exit 4', generous)
    expect(failed.exitCode).toBe(4)
    expect(text(failed)).toMatch(
      /\[DevBot: The side service cache \(.*\) has ended: with exit code 0\. .*Redis is now ready to exit/s,
    )
    expect(text(await sandbox.run('true', generous))).toBe('')
  })

  it('are reaped with the pod of a dead owner', async () => {
    const { driver, spec, instance } = await make()
    await driver.create({ ...spec, services: [service({})] })
    expect((await thingsOf(dockerHost, instance)).containers).toHaveLength(3)
    const { driver: reaper } = await make({ instance, isLive: async () => false, now: () => Date.now() + 60_000 })
    expect(await reaper.reap()).toBe(1)
    expect(await thingsOf(dockerHost, instance)).toEqual(NOTHING)
  })
})

describe.skipIf(!answers)('images that a repository names (need a Docker engine)', () => {
  afterEach(async () => {
    for (const instance of instances.splice(0)) await removeInstance(dockerHost, instance)
  })

  async function make(options: Partial<DockerDriverOptions> = {}) {
    const made = await makeDockerDriver(dockerHost, options)
    instances.push(made.instance)
    return made
  }

  it('are what its sandboxes are made of, each kept awake with what it has', async () => {
    const { driver, spec } = await make()
    const [own, bare] = await Promise.all([
      ensureTestImage(dockerHost, 'alpine-like'),
      ensureTestImage(dockerHost, 'bare'),
    ])
    const ids = await Promise.all(
      [{}, { image: own }, { image: bare }].map((images) => driver.prepare(undefined, images)),
    )
    expect(new Set(ids.map(({ environmentId }) => environmentId)).size).toBe(3)
    // Bare first: what was learnt of it is nothing about the next one.
    for (const [image, shell] of [
      [bare, 'busybox'],
      [own, 'busybox'],
      [undefined, 'dash'],
    ] as const) {
      await using sandbox = await driver.create({ ...spec, ...(image && { image }) })
      expect(await sh(sandbox, 'readlink /bin/sh')).toBe(`${shell}\n`)
    }
  })

  it('are learnt to lack a sleep by several sandboxes at once', async () => {
    const { driver, spec } = await make()
    const image = await ensureTestImage(dockerHost, 'bare')
    const made = await Promise.all([1, 2, 3].map(() => driver.create({ ...spec, image })))
    for (const sandbox of made) await sandbox[Symbol.asyncDispose]()
    expect(made).toHaveLength(3)
  })

  const database = (image: string) => ({ services: [sideServiceSchema.parse({ name: 'db', image, port: 1 })] })

  it.each([
    [
      { image: 'devbot-test-absent:1' },
      {},
      'image-missing',
      /devbot-test-absent:1\. `image` in the repository's \.devbot\.yml names it\..*SANDBOX_PULL=missing/,
    ],
    [database('devbot-test-absent:1'), {}, 'image-missing', /`services: db: image`/],
    [{ image: '127.0.0.1:1/absent:1' }, { pull: 'missing' }, 'image-pull-refused', /could not be pulled\. `image`/],
    [{ image: 'devbot-test-redis:r1' }, {}, 'image-has-volumes', /declares volumes \(\/data\).*`image`/],
    [
      { image: 'evil/x:1' },
      { imagesAllowed: ['good/*'] },
      'image-not-allowed',
      /evil\/x:1 that `image`.*IMAGES_ALLOWED/,
    ],
    [database('evil/x:1'), { imagesAllowed: ['good/*'] }, 'image-not-allowed', /`services: db: image`/],
  ] as const)('are named with their key when they cannot be had: %o', async (images, options, code, message) => {
    const { driver } = await make(options)
    await expect(driver.prepare(undefined, images)).rejects.toMatchObject({
      category: 'sandbox',
      code,
      message: expect.stringMatching(message),
    })
  })
})
