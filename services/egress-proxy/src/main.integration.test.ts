import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { askToTheEnd, control } from './testing/sandbox-side.ts'
import { newPodId, OWNER } from './testing/start-proxy.ts'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))

let folder: string
const running: ChildProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'egress-main-'))
})
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  rmSync(folder, { recursive: true, force: true })
})

function startService(env: Record<string, string>) {
  const paths = { EGRESS_SOCKET_FOLDER: join(folder, 'pods'), EGRESS_CONTROL_SOCKET: join(folder, 'control.sock') }
  const child = spawn(process.execPath, [main], { env: { PATH: process.env.PATH, OPS_PORT: '0', ...paths, ...env } })
  running.push(child)
  const written = { text: '' }
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (written.text += chunk))
  return { child, written }
}

describe('the egress-proxy process', () => {
  it('says when it is ready and what it allows, refuses the rest, and takes its sockets along on SIGTERM', async () => {
    const { child, written } = startService({ EGRESS_ALLOW: 'Registry.Example, mirror.example:8443' })
    await expect.poll(() => written.text, { timeout: 20_000 }).toContain('egress-proxy ready')
    expect(written.text).toContain('"allowed":["registry.example:443","mirror.example:8443"]')
    const opsPort = /"opsPort":(\d+)/.exec(written.text)?.[1]
    expect((await fetch(`http://127.0.0.1:${opsPort}/readyz`)).status).toBe(200)

    const podId = newPodId()
    await control(join(folder, 'control.sock'), 'PUT', `/pods/${podId}`, OWNER)
    const pod = join(folder, 'pods', `${podId}.sock`)
    expect(await askToTheEnd(pod, 'CONNECT other.example:443 HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1.1 403 /)

    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    expect(code).toBe(0)
    expect(existsSync(pod)).toBe(false)
    expect(existsSync(join(folder, 'control.sock'))).toBe(false)
  })

  it.each(['EGRESS_SOCKET_FOLDER', 'EGRESS_CONTROL_SOCKET'])('does not start when %s cannot be used', async (name) => {
    const { child, written } = startService({ [name]: '/dev/null/x/y' })
    const [code] = await once(child, 'exit')
    expect(code).toBe(2)
    expect(written.text).toMatch(new RegExp(`${name}: .*ENOTDIR`))
    expect(written.text).not.toContain('    at ')
  })

  it('does not start with entries it cannot read, and names each', async () => {
    const { child, written } = startService({ EGRESS_ALLOW: '*.example.com,good.example,https://x.example' })
    const [code] = await once(child, 'exit')
    expect(code).toBe(2)
    for (const word of ['EGRESS_ALLOW', '*.example.com', 'https://x.example', 'expected a host name'])
      expect(written.text).toContain(word)
  })
})
