import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createEgressClient } from './egress-client.ts'

const proxyMain = fileURLToPath(new URL('../../../../services/egress-proxy/src/main.ts', import.meta.url))
const owner = { taskId: 't0123456789ab', runId: 'r1', purpose: 'check' } as const

let folder: string
let controlSocket: string
const running: ChildProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'egress-client-'))
  controlSocket = join(folder, 'control.sock')
})
afterEach(async () => {
  for (const child of running.splice(0)) await kill(child)
  rmSync(folder, { recursive: true, force: true })
})

async function startProxy(env: Readonly<Record<string, string>> = {}): Promise<ChildProcess> {
  const child = spawn(process.execPath, [proxyMain], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      OPS_PORT: '0',
      EGRESS_SOCKET_FOLDER: join(folder, 'pods'),
      EGRESS_CONTROL_SOCKET: controlSocket,
      ...env,
    },
  })
  running.push(child)
  let text = ''
  child.stdout?.on('data', (chunk) => (text += chunk))
  await expect.poll(() => text, { timeout: 20_000 }).toContain('egress-proxy ready')
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function newPod() {
  const podId = randomBytes(12).toString('hex')
  return { podId, path: join(folder, 'pods', `${podId}.sock`) }
}

/** What a program in the sandbox would be told. */
async function connectThrough(path: string, target: string): Promise<string> {
  const socket = connect(path)
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

describe('the egress client', () => {
  it('asks for what a repository allows its own, and says what the proxy does not take', async () => {
    await startProxy({ EGRESS_FROM_POLICY: 'true' })
    const client = createEgressClient({ controlSocket })
    const [{ podId, path }, other] = [newPod(), newPod()]
    const lease = await client.open(podId, { ...owner, allow: ['own.invalid'] })
    // Allowed, and nowhere to be found.
    expect(await connectThrough(path, 'own.invalid:443')).toMatch(/^HTTP\/1\.1 502 /)
    expect(await lease.refusals()).toEqual([])
    await expect(client.open(other.podId, { ...owner, allow: ['10.0.0.1:80'] })).rejects.toMatchObject({
      category: 'sandbox',
      code: 'egress-entry-invalid',
      message: expect.stringMatching(/^egress in the repository's policy: `10\.0\.0\.1:80` is no public address/),
    })
    await lease.close()
  })

  it('opens a way out, tells what was refused, and closes it', async () => {
    await startProxy()
    const { podId, path } = newPod()
    const lease = await createEgressClient({ controlSocket }).open(podId, owner)
    expect(await lease.refusals()).toEqual([])
    expect(await connectThrough(path, 'other.example:443')).toMatch(/^HTTP\/1.1 403 /)
    const refusal = {
      host: 'other.example',
      port: 443,
      reason: 'not on the list',
      allowWith: 'other.example',
      count: 1,
    }
    expect(await lease.refusals()).toEqual([refusal])
    await lease.close()
    expect(existsSync(path)).toBe(false)
    expect(await lease.refusals()).toEqual([refusal])
    await lease.close()
  })

  it('makes every pod again at once when the proxy was restarted, and forgets no refusal', async () => {
    const first = await startProxy()
    const warnings: string[] = []
    const client = createEgressClient({ controlSocket, onWarning: (message) => warnings.push(message) })
    const pods = [newPod(), newPod()]
    const leases = await Promise.all(pods.map(({ podId }) => client.open(podId, owner)))
    const [pod] = pods
    const [lease] = leases
    if (pod === undefined || lease === undefined) throw new Error('two pods were opened')
    await connectThrough(pod.path, 'other.example:443')
    await lease.refusals()
    await kill(first)
    await expect.poll(() => warnings.length, { timeout: 5_000 }).toBe(2)
    expect(warnings[0]).toContain('nothing leads out of its sandbox')
    expect(await lease.refusals()).toMatchObject([{ host: 'other.example', count: 1 }])

    await startProxy()
    await expect.poll(() => pods.every(({ path }) => existsSync(path)), { timeout: 5_000 }).toBe(true)
    await connectThrough(pod.path, 'other.example:443')
    expect(await lease.refusals()).toMatchObject([{ host: 'other.example', count: 2 }])
    expect(warnings).toHaveLength(2)
    for (const each of leases) await each.close()
    expect(pods.some(({ path }) => existsSync(path))).toBe(false)
  })

  it('says what to look at when no proxy answers, and closing never throws', async () => {
    const { podId } = newPod()
    const warnings: string[] = []
    const client = createEgressClient({ controlSocket, onWarning: (message) => warnings.push(message) })
    await expect(client.open(podId, owner)).rejects.toMatchObject({
      category: 'sandbox',
      code: 'egress-unavailable',
      message: expect.stringContaining('EGRESS_CONTROL_SOCKET'),
    })
    const proxy = await startProxy()
    const lease = await client.open(podId, owner)
    await kill(proxy)
    await lease.close()
    expect(warnings.at(-1)).toContain('left to its lease')
  })
})
