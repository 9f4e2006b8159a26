import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { SandboxSpec } from '../sandbox.ts'
import {
  createReusablePod,
  makeDockerDriver,
  newInstance,
  type ReusablePod,
  removeInstance,
  thingsOf,
} from '../testing/docker-pods.ts'
import { generous, tarOf, text } from '../testing/make-sandbox.ts'
import { processesWith } from '../testing/own-processes.ts'
import { buildTestImage, engineAnswers, ensureTestImage, removeTestImage } from '../testing/test-images.ts'
import { createDockerClient } from './docker-client.ts'
import { createDockerDriver, type DockerDriverOptions } from './docker-driver.ts'
import type { DockerEngine } from './docker-engine.ts'
import type { PodOwner } from './reap.ts'

const dockerHost = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock'
const answers = await engineAnswers(dockerHost)
const NOTHING = { containers: [], volumes: [] }
const instances: string[] = []

async function make(options: Partial<DockerDriverOptions> = {}) {
  const made = await makeDockerDriver(dockerHost, options)
  instances.push(made.instance)
  return made
}

async function cleanUp(): Promise<void> {
  for (const instance of new Set(instances.splice(0))) await removeInstance(dockerHost, instance)
}

describe('prepare where no engine answers', () => {
  it('says so, what to look at, and that it may pass', async () => {
    const options = {
      instance: 'x',
      sandboxImage: 'a',
      anchorImage: 'b',
      runtime: 'runc',
      imagesAllowed: [],
      serviceLimits: { memoryBytes: 1e9, diskBytes: 1e9 },
      isLive: async () => true,
    } as const
    for (const host of ['unix:///nonexistent/docker.sock', 'tcp://127.0.0.1:1']) {
      const driver = createDockerDriver({ ...options, dockerHost: host, pull: 'missing', workspace: 'auto' })
      await expect(driver.prepare()).rejects.toMatchObject({
        category: 'sandbox',
        code: 'engine-unreachable',
        message: expect.stringMatching(new RegExp(`${host}.*docker-gate healthy.*DOCKER_HOST`, 's')),
        details: { passing: true },
      })
    }
  })

  it('refuses one that is too old', async () => {
    const body = JSON.stringify({ ApiVersion: '1.40' })
    const old = createServer((socket) =>
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)),
    ).listen(0, '127.0.0.1')
    await new Promise((resolve) => old.once('listening', resolve))
    const bound = old.address()
    const client = createDockerClient(`tcp://127.0.0.1:${bound instanceof Object ? bound.port : 0}`)
    await expect(client.connect()).rejects.toMatchObject({ category: 'sandbox', code: 'engine-too-old' })
    old.close()
  })
})

describe.skipIf(!answers)('prepare (needs a Docker engine)', () => {
  afterEach(cleanUp)

  it('gives the id of the image, which changes with it', async () => {
    const { driver } = await make()
    const { driver: other } = await make({ sandboxImage: await ensureTestImage(dockerHost, 'bare') })
    const [one, again, bare] = await Promise.all([driver.prepare(), driver.prepare(), other.prepare()])
    expect(one.environmentId).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(again).toEqual(one)
    expect(bare).not.toEqual(one)
  })

  it('names an image that is missing and what to do', async () => {
    const { driver } = await make({ sandboxImage: 'devbot-test-absent:1' })
    await expect(driver.prepare()).rejects.toMatchObject({
      category: 'sandbox',
      code: 'image-missing',
      message: expect.stringMatching(/devbot-test-absent:1.*docker compose build.*SANDBOX_IMAGE.*SANDBOX_PULL/),
    })
  })

  it.each(['missing', 'always'] as const)('tells when it cannot be pulled (%s)', async (pull) => {
    // Nothing listens there.
    const { driver } = await make({ sandboxImage: '127.0.0.1:1/devbot-test/absent:1', pull })
    const [one, other] = await Promise.allSettled([driver.prepare(), driver.prepare()])
    for (const result of [one, other]) {
      expect(result).toMatchObject({
        reason: {
          category: 'sandbox',
          code: 'image-pull-refused',
          message: expect.stringMatching(/devbot-test\/absent:1.*docker compose build/),
        },
      })
    }
  })

  it('refuses an image that declares volumes', async () => {
    const name = `devbot-test-volumes:${randomBytes(4).toString('hex')}`
    await buildTestImage(dockerHost, name, ['VOLUME ["/data", "/cache"]'])
    const { driver } = await make({ sandboxImage: name })
    await expect(driver.prepare()).rejects.toMatchObject({
      category: 'sandbox',
      code: 'image-has-volumes',
      message: expect.stringMatching(/\/(data|cache), \/(data|cache)/),
    })
    await removeTestImage(dockerHost, name)
  })

  it('stops waiting when it is aborted', async () => {
    const { driver } = await make()
    await expect(driver.prepare(AbortSignal.abort())).rejects.toMatchObject({ category: 'cancelled' })
  })
})

describe.skipIf(!answers)('create (needs a Docker engine)', () => {
  afterEach(cleanUp)

  it('makes a sandbox that is gone without a trace when it is disposed of', async () => {
    const { driver, spec, instance } = await make()
    const sandbox = await driver.create(spec)
    await sandbox.importTree(tarOf({ 'a/b.txt': 'one\n' }))
    await sandbox.exec('setsid sleep 811.5 & echo x >a/new', generous)
    expect((await thingsOf(dockerHost, instance)).containers.length).toBe(2)
    const change = await sandbox.exportChange({ maxFiles: 10, maxBytes: 100 })
    expect(change.entries).toMatchObject([{ kind: 'file', path: 'a/new' }])
    const pending = sandbox.exec('sleep 812.5', generous).catch((error: unknown) => error)
    await sandbox[Symbol.asyncDispose]()
    expect(await pending).toMatchObject({ category: 'sandbox', code: 'sandbox-gone' })
    expect(await thingsOf(dockerHost, instance)).toEqual(NOTHING)
    expect(processesWith('sleep 81')).toEqual([])
    await expect(sandbox.exec('true', generous)).rejects.toMatchObject({ code: 'sandbox-gone' })
    await sandbox[Symbol.asyncDispose]()
  })

  it('keeps a large tree on a volume, and a small one in memory', async () => {
    const { driver, spec, instance } = await make()
    for (const [treeBytes, volumes] of [
      [spec.limits.diskBytes / 4 + 1, 1],
      [spec.limits.diskBytes / 4, 0],
    ] as const) {
      await using sandbox = await driver.create({ ...spec, treeBytes })
      expect((await thingsOf(dockerHost, instance)).volumes.length).toBe(volumes)
      expect(text(await sandbox.run('touch x && ls', generous))).toBe('x\n')
    }
    expect(await thingsOf(dockerHost, instance)).toEqual(NOTHING)
  })

  it('leaves nothing when it is aborted, whenever that is', async () => {
    const { driver, spec, instance } = await make()
    for (const afterMs of [0, 20, 60, 150, 300, 450, 600]) {
      for (const treeBytes of [0, spec.limits.diskBytes]) {
        const created = driver.create({ ...spec, treeBytes }, AbortSignal.timeout(afterMs))
        const end = await created.then(
          (sandbox) => sandbox[Symbol.asyncDispose](),
          (error: unknown) => error,
        )
        if (end !== undefined) expect(end).toMatchObject({ category: 'cancelled', code: 'sandbox-not-wanted' })
        expect(await thingsOf(dockerHost, instance)).toEqual(NOTHING)
      }
    }
  })

  it.each([
    ['of an image that is not there', { sandboxImage: 'devbot-test-absent:1' }, 'engine-refused'],
    ['of an anchor image that is not there', { anchorImage: 'devbot-test-absent:1' }, 'engine-refused'],
    ['with a runtime that the engine does not know', { runtime: 'nonsense' }, 'sandbox-runtime-unknown'],
  ])('leaves nothing when it cannot make one %s', async (_what, options, code) => {
    const { driver, spec, instance } = await make(options)
    await expect(driver.create(spec)).rejects.toMatchObject({ category: 'sandbox', code })
    expect(await thingsOf(dockerHost, instance)).toEqual(NOTHING)
  })

  it('closes the way out with the sandbox, and leaves nothing where there is none', async () => {
    const open: string[] = []
    const refusal = { host: 'example.com', port: 443, reason: 'not on the list', count: 1 }
    const client = {
      async open(podId: string, owner: object) {
        open.push(`${podId} ${JSON.stringify(owner)}`)
        return { refusals: async () => [refusal], close: async () => void open.pop() }
      },
    }
    const volume = newInstance()
    // No proxy here: socat has nothing to listen with in this image, the sandbox only joins.
    const { driver, spec, instance } = await make({ egress: { volume, client } })
    await expect(driver.create(spec)).rejects.toMatchObject({ category: 'sandbox' })
    expect(open).toEqual([])
    const unanswered = { open: () => Promise.reject(new Error('the proxy does not answer')) }
    const { driver: alone } = await make({ instance, egress: { volume, client: unanswered } })
    await expect(alone.create(spec)).rejects.toThrow('the proxy does not answer')
    expect(await thingsOf(dockerHost, instance)).toEqual(NOTHING)
    // Without labels: the engine made it for the anchor, as compose would have.
    await createDockerClient(dockerHost).removeVolume(volume)
  })
})

describe.skipIf(!answers)('reap (needs a Docker engine)', () => {
  afterEach(cleanUp)
  const later = (ms: number) => () => Date.now() + ms

  it('removes what has no live owner, and nothing of the living', async () => {
    const asked: PodOwner[] = []
    const isLive = async (owner: PodOwner) => {
      asked.push(owner)
      return owner.runId === 'living'
    }
    const { driver, spec, instance } = await make({ isLive })
    const { driver: afterGrace } = await make({ instance, isLive, now: later(60_000) })
    await driver.create({ ...spec, runId: 'dead', epoch: 7, treeBytes: spec.limits.diskBytes })
    await using living = await driver.create({ ...spec, runId: 'living' })
    // Just made: perhaps its owner is not known yet.
    expect(await driver.reap()).toBe(0)
    expect(await afterGrace.reap()).toBe(1)
    expect(asked).toContainEqual({ taskId: spec.taskId, runId: 'dead', epoch: 7 })
    const left = await thingsOf(dockerHost, instance)
    expect([left.containers.length, left.volumes.length]).toEqual([2, 0])
    expect(text(await living.run('echo alive', generous))).toBe('alive\n')
    expect(await afterGrace.reap()).toBe(0)
  })

  it('removes an expired one without asking', async () => {
    const { driver, spec, instance } = await make()
    await driver.create(spec)
    const { driver: muchLater } = await make({
      instance,
      now: later((spec.limits.maxMinutes + 2) * 60_000),
      isLive: () => Promise.reject(new Error('the ledger does not answer')),
    })
    expect(await muchLater.reap()).toBe(1)
    expect(await thingsOf(dockerHost, instance)).toEqual(NOTHING)
  })

  it('leaves other instances alone', async () => {
    const other = await make()
    await using sandbox = await other.driver.create(other.spec)
    const isLive = async () => false
    const { driver } = await make({ isLive, now: later(60 * 60_000) })
    await driver.reap()
    expect(text(await sandbox.run('echo alive', generous))).toBe('alive\n')
    // A day after their end they go (reap.test.ts): tried here, it would hit everything else on this engine.
  })

  it('removes a volume that lost its containers', async () => {
    const { driver, spec, instance } = await make()
    await driver.create({ ...spec, treeBytes: spec.limits.diskBytes })
    const client = createDockerClient(dockerHost)
    for (const { id } of (await thingsOf(dockerHost, instance)).containers) await client.removeContainer(id)
    const { driver: muchLater } = await make({ instance, isLive: async () => false, now: later(60_000) })
    expect(await muchLater.reap()).toBe(1)
    expect(await thingsOf(dockerHost, instance)).toEqual(NOTHING)
  })

  it('goes on when one cannot be judged, and tells', async () => {
    const warnings: string[] = []
    const isLive = async ({ runId }: PodOwner) => {
      if (runId === 'unknown') throw new Error('the ledger does not answer')
      return false
    }
    const { driver, spec, instance } = await make()
    const specs: SandboxSpec[] = ['unknown', 'dead', 'dead'].map((runId) => ({ ...spec, runId }))
    for (const one of specs) await driver.create(one)
    const { driver: reaper } = await make({
      instance,
      isLive,
      now: later(60_000),
      onWarning: (message) => warnings.push(message),
    })
    expect(await reaper.reap()).toBe(2)
    expect(warnings).toEqual([expect.stringContaining('the ledger does not answer')])
    expect((await thingsOf(dockerHost, instance)).containers.length).toBe(2)
  })
})

describe.skipIf(!answers)('a process started by the engine (needs a Docker engine)', () => {
  let pod: ReusablePod
  let engine: DockerEngine

  beforeAll(async () => {
    pod = createReusablePod(dockerHost, 'debian')
    engine = await pod.engine()
  })
  afterAll(() => pod.remove())

  async function run(argv: readonly [string, ...string[]], input?: Readable) {
    const process = await engine.start(argv)
    const [stdout, stderr] = [hashing(), hashing()]
    const [exitCode] = await Promise.all([
      process.exitCode,
      pipeline(process.stdout, stdout.sink),
      pipeline(process.stderr, stderr.sink),
      input ? pipeline(input, process.stdin) : process.stdin.end(),
    ])
    return { exitCode, stdout: stdout.result(), stderr: stderr.result() }
  }

  it('takes 50 MB and gives them back unchanged, its input ended while its output goes on', async () => {
    const bytes = randomBytes(50_000_000)
    const chunks = Array.from({ length: 500 }, (_, index) => bytes.subarray(index * 100_000, (index + 1) * 100_000))
    const ended = await run(['sh', '-c', 'cat; echo end >&2'], Readable.from(chunks))
    expect(ended).toMatchObject({ exitCode: 0, stdout: { bytes: bytes.length }, stderr: { text: 'end\n' } })
    expect(ended.stdout.sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
  })

  it('keeps bytes that are no text, and both outputs apart', async () => {
    const ended = await run(['printf', '\\377\\000\\001\\n\\377'])
    expect(ended.stdout.raw).toEqual([255, 0, 1, 10, 255])
    expect(await run(['sh', '-c', 'printf a; printf b >&2; printf c; exit 7'])).toMatchObject({
      exitCode: 7,
      stdout: { text: 'ac' },
      stderr: { text: 'b' },
    })
    expect((await run(['printf', '%s', 'é \xff "\'\\ $(id)\n'])).stdout.text).toBe('é \xff "\'\\ $(id)\n')
  })

  it('ends with 127 for a program that does not exist, 126 for one that cannot run, 137 for a killed one', async () => {
    expect(await run(['nonexistent'])).toMatchObject({ exitCode: 127 })
    expect(await run(['/etc'])).toMatchObject({ exitCode: 126 })
    expect(await run(['sh', '-c', 'kill -9 $$'])).toMatchObject({ exitCode: 137 })
  })

  it('has ended when it has, whatever it left behind holds its streams', async () => {
    const process = await engine.start(['sh', '-c', 'sleep 801.5 & exit 5'])
    process.stdout.resume()
    process.stderr.resume()
    const startedAt = performance.now()
    expect(await process.exitCode).toBe(5)
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    await engine.killAll()
    expect(processesWith('sleep 801')).toEqual([])
  })

  it('ends also when it closed its streams long before', async () => {
    expect(await run(['sh', '-c', 'exec >&- 2>&-; sleep 1; exit 6'])).toMatchObject({ exitCode: 6 })
  })

  it('breaks the pipe of who writes to one that has ended', async () => {
    const process = await engine.start(['true'])
    process.stdout.resume()
    process.stderr.resume()
    const endless = new Readable({
      read() {
        setImmediate(() => this.push(Buffer.alloc(65_536)))
      },
    })
    await expect(pipeline(endless, process.stdin)).rejects.toMatchObject({
      code: expect.stringMatching(/EPIPE|PREMATURE/),
    })
    expect(await process.exitCode).toBe(0)
  })

  it('is killed with everything else, and the engine goes on', async () => {
    const process = await engine.start(['sh', '-c', 'trap "" TERM; sleep 802.5 & sleep 803.5'])
    process.stdout.resume()
    process.stderr.resume()
    await process.kill()
    expect(await process.exitCode).toBe(137)
    expect(processesWith('sleep 80')).toEqual([])
    expect((await run(['echo', 'on'])).stdout.text).toBe('on\n')
  })
})

/** Keeps the hash of what comes, and the start of it. */
function hashing() {
  const hash = createHash('sha256')
  const start: Buffer[] = []
  let bytes = 0
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      if (bytes < 1000) start.push(chunk.subarray(0, 1000))
      bytes += chunk.length
      done()
    },
  })
  const result = () => {
    const kept = Buffer.concat(start)
    return { bytes, sha256: hash.digest('hex'), text: kept.toString(), raw: [...kept] }
  }
  return { sink, result }
}
