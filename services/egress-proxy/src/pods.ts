import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '@devbot/config'
import {
  DevBotError,
  type EgressLeaseAnswer,
  type EgressRequest,
  mergeNetworkRefusals,
  type NetworkRefusal,
  POD_ID_PATTERN,
} from '@devbot/contracts'
import type { Refusal } from './judge-destination.ts'
import type { Way } from './open-destination.ts'
import { parsePolicyEntries } from './parse-allow-list.ts'
import { listenForPod, type OpenConnections, type PodSocket } from './pod-socket.ts'
import { cleanHost } from './refusal-text.ts'
import { systemCode } from './system-code.ts'

/** The pods that have a way out. */
export type Pods = {
  /**
   * Makes a pod's socket, or keeps it for another lease. Throws `conflict` when the pod is somebody else's or too many are
   * there, `invalid-input` when one of its own entries is none.
   */
  readonly keep: (podId: string, request: EgressRequest) => Promise<EgressLeaseAnswer>
  readonly end: (podId: string) => Promise<void>
  readonly close: () => Promise<void>
}

type Pod = {
  readonly request: EgressRequest
  readonly refusals: () => readonly NetworkRefusal[]
  readonly socket: Promise<PodSocket>
  readonly lease: NodeJS.Timeout
}

/** `way` is what leads out for all; with `fromPolicy` a pod's own entries count as well, for that pod. */
export type PodsOptions = {
  readonly folder: string
  readonly way: Way
  readonly fromPolicy: boolean
  readonly log: Logger
}

/** One socket per pod in `folder`, `<pod id>.sock`, as long as its lease is kept. */
export function createPods({ folder, way, fromPolicy, log }: PodsOptions): Pods {
  const pods = new Map<string, Pod>()
  const open: OpenConnections = { count: 0 }

  async function make(podId: string, request: EgressRequest): Promise<void> {
    if (pods.size >= way.limits.maxPods) throw tooManyPods(way.limits.maxPods)
    const { allow, ...owner } = request
    const ownWay = wayFor(way, allow, fromPolicy)
    const podLog = log.child({ podId, ...owner })
    const tally = createRefusalTally(podLog)
    const socket = listenForPod(
      join(folder, `${podId}.sock`),
      { way: ownWay, refuse: tally.refuse, fail: tally.fail, log: podLog },
      open,
    )
    const lease = setTimeout(() => expire(podId, podLog), way.limits.leaseMs)
    pods.set(podId, { request, refusals: tally.refusals, socket, lease })
    try {
      await socket
    } catch (error) {
      clearTimeout(lease)
      pods.delete(podId)
      throw error
    }
    podLog.info(allow.length === 0 ? {} : { fromPolicy, policy: [...(ownWay.policy?.list ?? [])] }, 'way out opened')
  }

  function expire(podId: string, podLog: Logger): void {
    podLog.warn('the lease of a way out was not renewed; closing it')
    end(podId).catch((error: unknown) => podLog.error({ error }, 'a way out could not be closed'))
  }

  async function end(podId: string): Promise<void> {
    const pod = pods.get(podId)
    if (pod === undefined) return
    clearTimeout(pod.lease)
    pods.delete(podId)
    await (await pod.socket).close()
  }

  return {
    async keep(podId, request) {
      const created = !pods.has(podId)
      if (created) await make(podId, request)
      const pod = pods.get(podId)
      if (pod === undefined || !sameRequest(pod.request, request)) throw notYours(podId)
      pod.lease.refresh()
      await pod.socket
      return { refusals: [...pod.refusals()], leaseSeconds: way.limits.leaseMs / 1000, created }
    },
    end,
    async close() {
      await Promise.all([...pods.keys()].map(end))
    },
  }
}

/** Makes the folder, and removes sockets that a killed proxy left in it. Throws `config` when it may not. */
export async function preparePodFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 })
    for (const name of await readdir(folder)) {
      if (name.endsWith('.sock') && POD_ID_PATTERN.test(name.slice(0, -'.sock'.length))) await rm(join(folder, name))
    }
  } catch (cause) {
    throw new DevBotError({
      category: 'config',
      code: 'socket-folder-unusable',
      message: `EGRESS_SOCKET_FOLDER: sockets cannot be made in ${folder} (${systemCode(cause)}); it has to be a folder that the egress-proxy may write`,
      cause,
    })
  }
}

function createRefusalTally(log: Logger) {
  let refusals: readonly NetworkRefusal[] = []
  let failures = 0
  return {
    refusals: () => refusals,
    refuse: ({ host, port }: { readonly host: string; readonly port: number }, { reason, allowWith }: Refusal) => {
      const one = {
        host: cleanHost(host),
        port,
        reason: reason.slice(0, 300),
        ...(allowWith && { allowWith }),
        count: 1,
      }
      refusals = mergeNetworkRefusals(refusals, [one])
      const same = refusals.find((row) => row.host === one.host && row.port === port && row.reason === one.reason)
      const row = same ?? refusals.at(-1)
      const { count } = row ?? one
      if (isWorthALine(count)) log.info({ ...one, count }, 'connection refused')
    },
    fail: (problem: string) => {
      failures += 1
      if (isWorthALine(failures)) log.info({ problem, failures }, 'an allowed destination could not be reached')
    },
  }
}

/** A sandbox can be refused thousands of times a second: after the fourth time only the 8th, 16th, 32nd... is logged. */
function isWorthALine(count: number): boolean {
  return count <= 4 || Number.isInteger(Math.log2(count))
}

/** What leads out for one pod: the operator's list, and its repository's own entries where they count. */
function wayFor(way: Way, allow: readonly string[], fromPolicy: boolean): Way {
  const { list, problems } = parsePolicyEntries(allow)
  if (problems.length > 0) throw badEntries(problems)
  return {
    ...way,
    list: fromPolicy ? new Set([...way.list, ...list]) : way.list,
    policy: { list, isHeard: fromPolicy },
  }
}

/** What a pod may reach is said when it is made, and stays. */
function sameRequest(a: EgressRequest, b: EgressRequest): boolean {
  const isSameOwner = a.taskId === b.taskId && a.runId === b.runId && a.purpose === b.purpose
  return isSameOwner && JSON.stringify(a.allow) === JSON.stringify(b.allow)
}

function badEntries(problems: readonly string[]): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'policy-invalid',
    message: `egress in the repository's policy: ${problems.slice(0, 5).join('; ')}`.slice(0, 1000),
  })
}

function notYours(podId: string): DevBotError {
  return new DevBotError({
    category: 'conflict',
    code: 'pod-not-yours',
    message: `pod ${podId} belongs to another run; a pod's id is made anew for each`,
  })
}

function tooManyPods(maxPods: number): DevBotError {
  return new DevBotError({
    category: 'conflict',
    code: 'too-many-pods',
    message: `${maxPods} pods have a way out already; lower WORKER_CONCURRENCY or wait until some have ended`,
  })
}
