import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Sandbox } from '../sandbox.ts'
import { makeDockerDriver, removeInstance } from '../testing/docker-pods.ts'
import { generous, text } from '../testing/make-sandbox.ts'
import { engineAnswers } from '../testing/test-images.ts'

const dockerHost = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock'

/** What docker-gate is to the driver: a socket before the engine's, which can go and come again. */
function createFront(path: string) {
  const open = new Set<Socket>()
  let server: Server | undefined
  const join = (client: Socket) => {
    const engine = connect({ path: new URL(dockerHost).pathname, allowHalfOpen: true })
    for (const socket of [client, engine]) {
      open.add(socket)
      socket.on('error', () => socket.destroy()).once('close', () => open.delete(socket))
    }
    client.pipe(engine).pipe(client)
  }
  return {
    async listen() {
      const { promise, resolve } = Promise.withResolvers<void>()
      server = createServer({ allowHalfOpen: true }, join).listen(path, resolve)
      await promise
    },
    cut() {
      server?.close()
      for (const socket of open) socket.destroy()
    },
  }
}

describe.skipIf(!(await engineAnswers(dockerHost)) || !dockerHost.startsWith('unix:'))(
  'a restart of docker-gate',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'devbot-front-'))
    const front = createFront(join(folder, 'docker.sock'))
    let instance: string
    let sandbox: Sandbox

    beforeAll(async () => {
      await front.listen()
      const made = await makeDockerDriver(`unix://${join(folder, 'docker.sock')}`)
      instance = made.instance
      sandbox = await made.driver.create(made.spec)
    })
    afterAll(async () => {
      await sandbox[Symbol.asyncDispose]()
      front.cut()
      await removeInstance(dockerHost, instance)
      rmSync(folder, { recursive: true })
    })

    async function restartAfter(delayMs: number, awayMs: number): Promise<void> {
      await delay(delayMs)
      front.cut()
      await delay(awayMs)
      await front.listen()
    }

    it('ends no command that runs: one that ends well has ended well', async () => {
      const [result] = await Promise.all([sandbox.run('sleep 3', generous), restartAfter(500, 100)])
      expect(result).toMatchObject({ exitCode: 0 })
    })

    it('makes no verdict of a command that failed because its output led nowhere', async () => {
      const failing = sandbox.run('sleep 2; echo more; exit 1', generous)
      const [ended] = await Promise.allSettled([failing, restartAfter(500, 100)])
      expect(ended).toMatchObject({ status: 'rejected', reason: { category: 'sandbox', code: 'process-lost' } })
    })

    it('is waited for by the next call', async () => {
      const restarted = restartAfter(0, 2_000)
      await delay(200)
      const result = await sandbox.exec('echo here', generous)
      await restarted
      expect(text(result)).toBe('here\n')
    })

    it('is told apart from a command that closes its own streams', async () => {
      const result = await sandbox.run('exec >/dev/null 2>&1; sleep 2; exit 3', generous)
      expect(result).toMatchObject({ exitCode: 3 })
    })
  },
)
