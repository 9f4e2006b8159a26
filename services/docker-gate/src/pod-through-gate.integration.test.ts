import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { CONTAINER_LABELS, podPartName, SANDBOX_USER } from '@devbot/contracts'
import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { volumeBody } from '../../../packages/sandbox/src/docker/profile.ts'
import { engineIsThere, type GateWorld, startGateWorld } from './testing/gate-world.ts'
import { TEST_IMAGE, testProfile } from './testing/test-pod.ts'

const hasEngine = await engineIsThere()

describe.skipIf(!hasEngine)('a pod made and used through docker-gate by dockerode', () => {
  let world: GateWorld
  beforeAll(async () => {
    world = await startGateWorld({ GATE_MAX_SANDBOXES: '4' })
  })
  afterAll(() => world?.stop())

  const exec = async (id: string, Cmd: string[]) => {
    const made = await world.gate.getContainer(id).exec({
      Cmd,
      User: SANDBOX_USER,
      WorkingDir: '/',
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    })
    return { made, stream: (await made.start({ hijack: true, stdin: true })) as unknown as Socket }
  }
  const outputOf = (stream: Socket) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()]
    world.gate.modem.demuxStream(stream, stdout, stderr)
    stream.once('end', () => {
      stdout.end()
      stderr.end()
    })
    return Promise.all([buffer(stdout), buffer(stderr)])
  }

  it('answers what the driver asks of the engine first, and no more', async () => {
    expect(String(await world.gate.ping())).toBe('OK')
    const version = await world.gate.version()
    expect(version.ApiVersion).toMatch(/^1\.\d+$/)
    expect(version).not.toHaveProperty('KernelVersion')
    const image = await world.gate.getImage(TEST_IMAGE).inspect()
    expect(image.Id).toMatch(/^sha256:/)
  })

  it('runs, lists, inspects and removes a pod', async () => {
    const profile = testProfile(world.config)
    const anchorId = await world.makeAnchor(profile)
    const sandboxId = await world.makeSandbox(profile, anchorId)
    const { stream, made } = await exec(sandboxId, ['sh', '-c', 'id -u; echo err >&2; exit 3'])
    const [stdout, stderr] = await outputOf(stream)
    expect([stdout.toString(), stderr.toString()]).toEqual(['65534\n', 'err\n'])
    await expect.poll(async () => (await made.inspect()).Running).toBe(false)
    expect((await made.inspect()).ExitCode).toBe(3)

    const filters = { label: [`${CONTAINER_LABELS.instance}=${world.config.instance}`] }
    const listed = await world.gate.listContainers({ all: true, filters })
    expect(listed.map(({ Id }) => Id).sort()).toEqual([anchorId, sandboxId].sort())
    const inspected = await world.gate
      .getContainer(podPartName(world.config.instance, profile.podId, 'sandbox'))
      .inspect()
    expect(inspected.State.Running).toBe(true)
    expect(inspected.HostConfig.NetworkMode).toBe(`container:${anchorId}`)
    expect(inspected).not.toHaveProperty('GraphDriver')

    for (const id of [sandboxId, anchorId]) await world.gate.getContainer(id).remove({ force: true, v: true })
    await expect(world.gate.getContainer(anchorId).remove({ force: true })).rejects.toMatchObject({ statusCode: 404 })
    expect(await world.gate.listContainers({ all: true, filters })).toEqual([])
  })

  it('carries 50 MB in and out unchanged, with a half-close between', async () => {
    const profile = testProfile(world.config)
    const sandboxId = await world.makeSandbox(profile, await world.makeAnchor(profile))
    const { stream } = await exec(sandboxId, ['sh', '-c', 'cat; echo end'])
    const input = createHash('sha256')
    const output = createHash('sha256')
    let bytes = 0
    const stdout = new PassThrough()
    stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      output.update(chunk)
    })
    world.gate.modem.demuxStream(stream, stdout, new PassThrough())
    for (let piece = 0; piece < 50; piece += 1) {
      const chunk = randomBytes(1024 ** 2)
      input.update(chunk)
      if (!stream.write(chunk)) await once(stream, 'drain')
    }
    // Only the end of stdin lets cat end; what is still under way the other way has to arrive all the same.
    stream.end()
    await once(stream, 'end')
    expect(bytes).toBe(50 * 1024 ** 2 + 4)
    expect(output.digest('hex')).toBe(input.update('end\n').digest('hex'))
    for (const role of ['sandbox', 'anchor'] as const) {
      await world.gate.getContainer(podPartName(world.config.instance, profile.podId, role)).remove({ force: true })
    }
  })

  it('makes, lists and removes a workspace volume, and a pod that lives on it', async () => {
    const profile = testProfile(world.config, { workspace: 'volume' })
    await world.gate.createVolume({ _query: {}, _body: volumeBody(profile) } as Docker.VolumeCreateOptions)
    const filters = { label: [CONTAINER_LABELS.instance] }
    const { Volumes } = await world.gate.listVolumes({ filters: JSON.stringify(filters) } as object)
    expect(Volumes.map(({ Name }) => Name)).toContain(volumeBody(profile).Name)
    expect(JSON.stringify(Volumes)).not.toContain('/var/lib')
    const anchorId = await world.makeAnchor(profile)
    const sandboxId = await world.makeSandbox(profile, anchorId)
    for (const id of [sandboxId, anchorId]) await world.gate.getContainer(id).remove({ force: true, v: true })
    await world.gate.getVolume(volumeBody(profile).Name).remove()
    await expect(world.gate.getVolume(volumeBody(profile).Name).remove()).rejects.toMatchObject({ statusCode: 404 })
  })

  it('asks the engine for an image that is configured, and passes on why it cannot be pulled', async () => {
    // Nothing listens on port 1, so this pulls nothing wherever it runs.
    const image = '127.0.0.1:1/devbot-gate-test:none'
    const nowhere = await startGateWorld({ SANDBOX_IMAGE: image })
    try {
      await expect(nowhere.gate.pull(image)).rejects.toMatchObject({
        statusCode: 500,
        message: expect.stringContaining('127.0.0.1:1'),
      })
      expect(nowhere.relay.takeChanges()).toEqual([
        'POST /images/create?fromImage=127.0.0.1%3A1%2Fdevbot-gate-test&tag=none HTTP/1.1',
      ])
      await expect(nowhere.gate.getImage(image).inspect()).rejects.toMatchObject({ statusCode: 404 })
    } finally {
      await nowhere.stop()
    }
  })

  it('makes no more pods than allowed, whatever is asked for at once', async () => {
    const profiles = Array.from({ length: 7 }, () => testProfile(world.config))
    const made = await Promise.allSettled(profiles.map((profile) => world.makeAnchor(profile)))
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(4)
    expect(made.find((one) => one.status === 'rejected')?.reason).toMatchObject({
      statusCode: 403,
      message: expect.stringContaining('GATE_MAX_SANDBOXES'),
    })
    for (const one of made) {
      if (one.status === 'fulfilled') await world.gate.getContainer(one.value).remove({ force: true })
    }
  })

  it('answers others while clients are slow, silent or half-open', async () => {
    const slow = Array.from({ length: 100 }, (_, index) => {
      const socket = connect(world.socketPath)
      socket.on('error', () => undefined)
      if (index % 4 === 1) socket.write('GET /_ping HT')
      if (index % 4 === 2)
        socket.write(
          `POST /volumes/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{`,
        )
      if (index % 4 === 3) socket.end('GET /_pi')
      return socket
    })
    const startedAt = performance.now()
    expect(String(await world.gate.ping())).toBe('OK')
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    // Headers have ten seconds: then even the silent ones are cut.
    await Promise.all(slow.map((socket) => (socket.closed ? undefined : once(socket.resume(), 'close'))))
  }, 40_000)

  it('ends a stream on both sides when its container goes', async () => {
    const profile = testProfile(world.config)
    const sandboxId = await world.makeSandbox(profile, await world.makeAnchor(profile))
    const { stream } = await exec(sandboxId, ['cat'])
    const closed = once(stream.resume(), 'close')
    await world.gate.getContainer(sandboxId).remove({ force: true })
    await closed
    await world.gate.getContainer(podPartName(world.config.instance, profile.podId, 'anchor')).remove({ force: true })
  })
})
