import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '@devbot/config'
import { type NetworkRefusal, networkRefusalSchema } from '@devbot/contracts'
import { z } from 'zod'
import type { ProxyLimits } from '../limits.ts'
import { parseAllowList } from '../parse-allow-list.ts'
import { startEgressProxy } from '../start-egress-proxy.ts'
import { control } from './sandbox-side.ts'

export type TestProxy = {
  readonly folder: string
  readonly controlSocket: string
  /** What the resolver answers, by name; each question takes the next answer, the last one stays. */
  readonly names: Map<string, string[][]>
  readonly logged: string[]
  /** Makes a pod and returns its socket's path. */
  readonly openPod: (podId?: string, allow?: readonly string[]) => Promise<string>
  readonly refusals: (path: string) => Promise<readonly NetworkRefusal[]>
  readonly stop: () => Promise<void>
}

export const OWNER = { taskId: 't0123456789ab', runId: 'r1', purpose: 'agent' } as const

/** The real proxy in this process, on sockets in a folder of its own, with a resolver that a test fills. */
export async function startTestProxy(
  allow: string,
  limits: Partial<ProxyLimits> = {},
  fromPolicy: 'true' | 'false' = 'false',
): Promise<TestProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'egress-'))
  const controlSocket = join(folder, 'control', 'c.sock')
  const names = new Map<string, string[][]>()
  const logged: string[] = []
  const { list, problems } = parseAllowList(allow)
  if (problems.length > 0) throw new Error(problems.join())
  const service = await startEgressProxy(
    { allow: list, fromPolicy, socketFolder: join(folder, 'pods'), controlSocket, opsPort: 0, logLevel: 'info' },
    {
      limits,
      log: createLogger({
        service: 'egress-proxy',
        level: 'info',
        secrets: [],
        destination: { write: (line) => void logged.push(line) },
      }),
      lookup: async (host) => {
        const answers = names.get(host) ?? []
        const addresses = answers.length > 1 ? answers.shift() : answers[0]
        return addresses === undefined ? { kind: 'failed', code: 'ENOTFOUND' } : { kind: 'found', addresses }
      },
    },
  )
  const pathOf = (podId: string) => join(folder, 'pods', `${podId}.sock`)
  const wanted = new Map<string, readonly string[]>()
  const keep = async (podId: string) => {
    const asked = { ...OWNER, allow: wanted.get(podId) ?? [] }
    const { status, body } = await control(controlSocket, 'PUT', `/pods/${podId}`, asked)
    if (status !== 200) throw new Error(JSON.stringify(body))
    return z.object({ refusals: z.array(networkRefusalSchema) }).parse(body).refusals
  }
  return {
    folder,
    controlSocket,
    names,
    logged,
    async openPod(podId = newPodId(), allow = []) {
      wanted.set(podId, allow)
      await keep(podId)
      return pathOf(podId)
    },
    refusals: (path) => keep(/([0-9a-f]{24})\.sock$/.exec(path)?.[1] ?? ''),
    async stop() {
      await service.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export function newPodId(): string {
  return randomBytes(12).toString('hex')
}
