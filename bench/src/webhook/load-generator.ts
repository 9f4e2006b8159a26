import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { percentile } from '../report/statistics.ts'
import { createReviewSigner, type SignedReview } from './sample-review.ts'

/** What the parent gives on the command line, as JSON. */
const loadSchema = z.object({
  url: z.url(),
  secret: z.string(),
  /** Branches that the deliveries go to in turn; the pull request's number is the place in the list, from 1. */
  branches: z.array(z.string()).min(1),
  /** Review ids count from here. */
  firstId: z.int(),
  seconds: z.number().positive(),
  /** Deliveries per second, sent whether answers come or not; absent: as many as `connections` can take. */
  perSecond: z.int().positive().optional(),
  connections: z.int().positive(),
})
export type Load = z.infer<typeof loadSchema>

export const loadResultSchema = z.object({
  /** By status code; 0 for a connection that failed. */
  statuses: z.record(z.string(), z.int()),
  p50: z.number(),
  p95: z.number(),
  p99: z.number(),
  perSecond: z.number(),
  /** How much later than planned deliveries were sent. */
  lagP95: z.number(),
  /** CPU time of the generator's whole life. */
  cpuSeconds: z.number(),
})
export type LoadResult = z.infer<typeof loadResultSchema>

/** Sends deliveries and tells how long each took from being handed to the socket to the answer's last byte. */
async function generateLoad(load: Load): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: load.connections })
  const sign = createReviewSigner(load.secret)
  const statuses: Record<string, number> = {}
  const tookMs: number[] = []
  const lagMs: number[] = []
  let sent = 0
  const sendNext = async () => {
    const place = sent % load.branches.length
    const delivery = sign({ id: load.firstId + sent, branch: load.branches[place] ?? '', pullNumber: place + 1 })
    sent++
    const startedAt = performance.now()
    const status = await post(load.url, delivery, agent)
    tookMs.push(performance.now() - startedAt)
    statuses[status] = (statuses[status] ?? 0) + 1
  }
  const startedAt = performance.now()
  if (load.perSecond === undefined) await atFullThrottle(load, sendNext)
  else await atFixedRate({ ...load, perSecond: load.perSecond }, sendNext, lagMs)
  const elapsedMs = performance.now() - startedAt
  agent.destroy()
  return {
    statuses,
    p50: percentile(tookMs, 0.5),
    p95: percentile(tookMs, 0.95),
    p99: percentile(tookMs, 0.99),
    perSecond: (tookMs.length / elapsedMs) * 1000,
    lagP95: lagMs.length === 0 ? 0 : percentile(lagMs, 0.95),
    cpuSeconds: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
  }
}

/** Open loop: a slow answer puts nothing off, so that a stall shows in every delivery that it hits. */
async function atFixedRate(
  { perSecond, seconds }: { readonly perSecond: number; readonly seconds: number },
  send: () => Promise<void>,
  lagMs: number[],
): Promise<void> {
  const all: Promise<void>[] = []
  const startedAt = performance.now()
  const total = Math.round(perSecond * seconds)
  while (all.length < total) {
    const dueAt = startedAt + (all.length * 1000) / perSecond
    const now = performance.now()
    if (now < dueAt) {
      await sleep(1)
      continue
    }
    lagMs.push(now - dueAt)
    all.push(send())
  }
  await Promise.all(all)
}

/** Closed loop: every connection sends its next delivery when the one before is answered. */
async function atFullThrottle({ connections, seconds }: Load, send: () => Promise<void>): Promise<void> {
  const until = performance.now() + seconds * 1000
  const loop = async () => {
    while (performance.now() < until) await send()
  }
  await Promise.all(Array.from({ length: connections }, loop))
}

function post(url: string, { body, headers }: SignedReview, agent: Agent): Promise<number> {
  return new Promise((resolve) => {
    const sending = request(url, { method: 'POST', headers, agent }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
      response.once('error', () => resolve(0))
    })
    sending.once('error', () => resolve(0))
    sending.end(body)
  })
}

if (import.meta.main) {
  const load = loadSchema.parse(JSON.parse(process.argv[2] ?? '{}'))
  process.stdout.write(JSON.stringify(await generateLoad(load)))
}
