import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { sideServiceSchema } from '@devbot/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDockerDriver, type SandboxDriver, type SandboxSpec } from '../../../packages/sandbox/src/index.ts'
import { sh, tarOf } from '../../../packages/sandbox/src/testing/make-sandbox.ts'
import { ensureTestImage } from '../../../packages/sandbox/src/testing/test-images.ts'
import { engineIsThere, type GateWorld, startGateWorld } from './testing/gate-world.ts'
import { testProfile } from './testing/test-pod.ts'

const hasEngine = await engineIsThere()
const generous = { timeoutMs: 30_000, maxOutputBytes: 100_000 }

describe.skipIf(!hasEngine)('the docker driver behind docker-gate', () => {
  let world: GateWorld
  let image: string
  let isLive = true
  beforeAll(async () => {
    image = await ensureTestImage('unix:///var/run/docker.sock', 'debian')
    world = await startGateWorld({ SANDBOX_IMAGE: image, SANDBOX_ANCHOR_IMAGE: image, IMAGES_ALLOWED: 'devbot-test-*' })
  }, 180_000)
  afterAll(() => world?.stop())

  const makeDriver = (workspace: 'memory' | 'volume'): { driver: SandboxDriver; spec: SandboxSpec } => {
    const { instance } = world.config
    const driver = createDockerDriver({
      dockerHost: `unix://${world.socketPath}`,
      instance,
      sandboxImage: image,
      anchorImage: image,
      runtime: 'runc',
      pull: 'missing',
      imagesAllowed: [],
      serviceLimits: { memoryBytes: world.config.serviceMemoryBytes, diskBytes: world.config.serviceDiskBytes },
      workspace,
      isLive: async () => isLive,
      // Later than it is: so that nothing is too young to be reaped.
      now: () => Date.now() + 60_000,
      onWarning: (message) => {
        throw new Error(message)
      },
    })
    return { driver, spec: testProfile(world.config).spec }
  }

  it.each(['memory', 'volume'] as const)('does all it does, with the workspace as %s', async (workspace) => {
    const { driver, spec } = makeDriver(workspace)
    expect((await driver.prepare()).environmentId).toMatch(/^sha256:/)
    const sandbox = await driver.create(spec)
    await sandbox.importTree(tarOf({ 'a.txt': 'one\n', 'b/run.sh': '#!/bin/sh\necho ran\n' }))
    await sandbox.markSetupDone()
    await sandbox.overlay(tarOf({ 'a.txt': 'two\n' }), ['b/gone'])
    expect(await sh(sandbox, 'cat a.txt; b/run.sh; echo two > new.txt')).toBe('two\nran\n')
    expect((await sandbox.run('exit 4', generous)).exitCode).toBe(4)
    expect((await sandbox.run('sleep 60', { ...generous, timeoutMs: 500 })).timedOut).toBe(true)
    for (const keepRunning of [true, false]) {
      const change = await sandbox.exportChange({ maxFiles: 10, maxBytes: 1000, keepRunning })
      expect(change.entries.map(({ path }) => path).sort()).toEqual(['a.txt', 'new.txt'])
    }
    await sandbox[Symbol.asyncDispose]()
    expect(await world.gate.listContainers({ all: true, filters: { label: ['dev.devbot.instance'] } })).toEqual([])
  })

  it('has side services beside it, with health, log and all', async () => {
    const { driver, spec } = makeDriver('memory')
    const redis = await ensureTestImage('unix:///var/run/docker.sock', 'redis')
    const cache = sideServiceSchema.parse({ name: 'cache', image: redis, port: 6379, health: ['redis-cli', 'ping'] })
    await driver.prepare(undefined, { image: redis.replace('redis', 'debian'), services: [cache] })
    const sandbox = await driver.create({ ...spec, image, services: [cache] })
    expect(await sh(sandbox, 'grep -c ":18EB .* 0A " /proc/net/tcp')).toBe('1\n')
    await sandbox[Symbol.asyncDispose]()
    const broken = { ...cache, command: ['sh', '-c', 'echo oh dear; exit 1'] }
    await expect(driver.create({ ...spec, services: [broken] })).rejects.toMatchObject({
      code: 'service-ended',
      message: expect.stringContaining('oh dear'),
    })
    expect(await world.gate.listContainers({ all: true, filters: { label: ['dev.devbot.instance'] } })).toEqual([])
  })

  it('carries what setup made out and in', async () => {
    const { driver, spec } = makeDriver('memory')
    await using first = await driver.create(spec)
    await first.importTree(tarOf({ 'a.txt': 'one\n' }))
    await first.run('mkdir -p deps && head -c 5000000 /dev/urandom > deps/big && echo x > "$HOME/.tool"', generous)
    await first.markSetupDone()
    const setup = new PassThrough()
    const captured = buffer(setup)
    await first.exportSetup(setup, { maxBytes: 10_000_000 })
    expect((await captured).length).toBeGreaterThan(5_000_000)
  })

  it('reaps what a dead owner left', async () => {
    const { driver, spec } = makeDriver('volume')
    await driver.create(spec)
    expect(await driver.reap()).toBe(0)
    isLive = false
    expect(await driver.reap()).toBe(1)
    expect(await world.gate.listContainers({ all: true, filters: { label: ['dev.devbot.instance'] } })).toEqual([])
  })
})
