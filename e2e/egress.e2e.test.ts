import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { sharedVariables } from '@devbot/config'
import { networkRefusalSchema, type Task } from '@devbot/contracts'
import { canUseDocker, type Stack, startStack } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { allowedAttempts, type Refused, refusedAttempts, type Targets } from './src/probes/egress-attempts.ts'
import { readProbe } from './src/probes/read-probe.ts'
import { worldOf } from './src/world.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const PROBE = readFileSync(new URL('./src/probes/egress-probe.mjs', import.meta.url), 'utf8')
const ANCHOR = sharedVariables.anchorImage.read({})
/** A small package that will not change any more. */
const PACKAGE = 'left-pad'
/** What comes of a tunnel that is no longer one: TLS' fatal alert "access denied", and nothing else. */
const ACCESS_DENIED_ALERT = '\x15\x03\x03\x00\x02\x02\x31'

const reportSchema = z.object({
  proxyVariables: z.array(z.string()),
  fetch: z.string().nullable(),
  curl: z.string().nullable(),
  attempts: z.record(
    z.string(),
    z.union([z.string(), z.object({ status: z.string(), inside: z.string().optional() })]),
  ),
  direct: z.record(z.string(), z.string()),
  names: z.record(z.string(), z.string()),
  asked: z.record(z.string(), z.string()),
  socketFolder: z.boolean(),
})
type ProbeReport = z.infer<typeof reportSchema>

const refusalLineSchema = z.object({
  ...networkRefusalSchema.unwrap().shape,
  msg: z.literal('connection refused'),
  taskId: z.string(),
  runId: z.string(),
  purpose: z.enum(['agent', 'check']),
})

type Input = {
  readonly url: string | null
  readonly attempts: readonly object[]
  readonly direct: readonly string[]
  readonly names: readonly string[]
}

/** The agent runs the probe; the plan's test command runs it again, in a check sandbox. */
const trajectoryFor = (input: Input) => ({
  name: 'probe',
  match: 'replay: probe',
  turns: [
    { calls: [{ tool: 'write', input: { path: 'egress-probe.mjs', content: PROBE } }] },
    { calls: [{ tool: 'write', input: { path: 'attempts.json', content: JSON.stringify(input) } }] },
    { calls: [{ tool: 'shell', input: { command: 'node egress-probe.mjs', timeout_s: 180 } }] },
    { expect: 'PROBE', calls: [{ tool: 'finish', input: { title: 'Try the way out', summary: 'Knocked on doors.' } }] },
  ],
})
const PLAN = '---\ntest: node egress-probe.mjs\n---\n# Probe\n\nreplay: probe\n'

type Registry = Omit<Targets, 'insidePort'> & { readonly addresses: readonly string[]; readonly url: string }

/** The registry of this machine's own configuration; its name appears in no file. */
async function findRegistry(): Promise<Registry> {
  const configured = execFileSync('npm', ['config', 'get', 'registry'], {
    cwd: root,
    encoding: 'utf8',
    stdio: 'pipe',
  }).trim()
  const url = new URL(PACKAGE, configured)
  if (url.protocol !== 'https:') throw new Error(`expected npm's registry to be an https address, got ${url.protocol}`)
  const found = (await lookup(url.hostname, { all: true })).map(({ address }) => address)
  const addresses = found.map((address) => (address.includes(':') ? `[${address}]` : address))
  const [address = ''] = addresses
  return { host: url.hostname, port: Number(url.port || 443), address, addresses, path: url.pathname, url: url.href }
}

type Probed = {
  readonly stack: Stack
  readonly world: ReturnType<typeof worldOf>
  readonly task: Task
  readonly runId: string
  readonly agent: ProbeReport
  readonly check: ProbeReport
}

async function probe(stack: Stack): Promise<Probed> {
  const world = worldOf(stack)
  await world.writePlan('probe.md', PLAN)
  const task = await world.settled('probe.md', 'in-review', 240_000)
  const run = (await stack.ledger.details(task.id))?.runs[0]
  const turns = await stack.ledger.turns(run?.id ?? '')
  return {
    stack,
    world,
    task,
    runId: run?.id ?? '',
    agent: reportSchema.parse(readProbe(turns.map(({ body }) => body).join('\n'))),
    check: reportSchema.parse(readProbe(run?.verification?.output ?? '')),
  }
}

const KINDS = ['agent', 'check'] as const

describe.skipIf(!(await canUseDocker()))('the volume of the egress-proxy’s sockets', () => {
  it('is the egress-proxy’s even when it was empty as a container was made with it', () => {
    const volume = `devbot-e2e-egress-${randomBytes(6).toString('hex')}`
    const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8' }).trim()
    docker('volume', 'create', volume)
    try {
      const mount = ['--network', 'none', '--mount', `type=volume,source=${volume},target=/run/egress`]
      const owner = docker('run', '--rm', ...mount, '--entrypoint', 'stat', ANCHOR, '-c', '%u:%g %a', '/run/egress')
      expect(owner).toBe('10001:10001 711')
    } finally {
      docker('volume', 'rm', volume)
    }
  })
})

describe.skipIf(!(await canUseDocker()))('the way out of a sandbox', () => {
  const parts = new AsyncDisposableStack()
  let targets: Targets
  let insideConnections = 0
  let refused: readonly Refused[]
  let open: Probed
  let closed: Probed

  beforeAll(async () => {
    const registry = await findRegistry()
    const inside = createServer(() => {
      insideConnections += 1
    }).listen(0)
    parts.defer(() => void inside.close())
    await once(inside, 'listening')
    const insidePort = z.object({ port: z.number() }).parse(inside.address()).port
    targets = { ...registry, insidePort }
    refused = refusedAttempts(targets)
    const { host, port, address, addresses } = registry
    const names = [host, 'example.com']
    const starts = [
      startStack({
        sandbox: 'docker',
        // A registry inside a company, or on a development machine, may have an address that is not public.
        egressAllow: [`${host}:${port}`, ...addresses.map((one) => `${one}:${port}`), `localhost:${insidePort}`],
        trajectories: [
          trajectoryFor({
            url: registry.url,
            attempts: [...allowedAttempts(targets), ...refused],
            direct: [`${address}:${port}`, '1.1.1.1:443', '169.254.169.254:80'],
            names,
          }),
        ],
      }),
      startStack({
        sandbox: 'docker',
        trajectories: [
          trajectoryFor({ url: null, attempts: [], direct: ['127.0.0.1:3128', `${address}:${port}`], names }),
        ],
      }),
    ]
    const stacks = starts.map(async (start) => parts.use(await start))
    await Promise.allSettled(stacks)
    const probes = (await Promise.all(stacks)).map(probe)
    await Promise.allSettled(probes)
    const [first, second] = await Promise.all(probes)
    if (first === undefined || second === undefined) throw new Error('expected two stacks')
    open = first
    closed = second
  }, 300_000)
  afterAll(() => parts.disposeAsync())

  for (const kind of KINDS) {
    describe(`with one host allowed, in the ${kind} sandbox`, () => {
      it('leads programs that know nothing but the proxy variables to that host, with its own certificate', () => {
        expect(open[kind].fetch).toMatch(/^left-pad@\d/)
        expect(open[kind].curl).toBe(open[kind].fetch)
        for (const { name } of allowedAttempts(targets))
          expect([name, open[kind].attempts[name]]).toEqual([
            name,
            { status: 'HTTP/1.1 200 Connection established', inside: 'TLS, HTTP/1.1 200 OK' },
          ])
      })

      it('leads nowhere else, whatever the request looks like', () => {
        expect(Object.keys(open[kind].attempts)).toHaveLength(refused.length + 2)
        for (const { name, status, tls } of refused) {
          const answer = open[kind].attempts[name]
          const inside = tls === undefined ? ACCESS_DENIED_ALERT : expect.stringMatching(/ALERT_ACCESS_DENIED/)
          expect([name, answer]).toEqual([
            name,
            { status: expect.stringContaining(`HTTP/1.1 ${status} `), ...(status === 200 && { inside }) },
          ])
        }
      })

      it('is the only one: no address is reached and no name resolved past it', () => {
        for (const [target, outcome] of Object.entries(open[kind].direct))
          expect([target, outcome]).toEqual([target, 'ENETUNREACH'])
        for (const outcome of [...Object.values(open[kind].names), ...Object.values(open[kind].asked)])
          expect(outcome).toMatch(/^E[A-Z_]+$/)
        expect(open[kind].socketFolder).toBe(false)
      })

      it('says in the proxy’s log whose each refused connection was', () => {
        const lines = refusalLines(open.stack).filter(({ purpose }) => purpose === kind)
        expect(lines.map(({ host, port }) => `${host} ${port}`)).toEqual(
          refused.map(({ host, port }) => `${host} ${port}`),
        )
        for (const [index, { reason }] of refused.entries()) expectReason(lines[index]?.reason ?? '', reason)
        for (const line of lines) expect(line).toMatchObject({ taskId: open.task.id, runId: open.runId })
      })
    })
  }

  it('lists each refusal in the report once, with how often and what EGRESS_ALLOW would need', async () => {
    const report = await open.world.report('probe.md')
    const rows = [...report.matchAll(/^\| `([^`]+)` \| (.+) \| (\d+) \| (\S+) \|$/gm)].map((row) => row.slice(1))
    expect(rows).toHaveLength(refused.length)
    for (const [index, { host, port, reason, allow }] of refused.entries()) {
      const [destination, why = '', times, column] = rows[index] ?? []
      expect([destination, times, column]).toEqual([
        port === 0 ? host : `${host}:${port}`,
        '2',
        allow === undefined ? '-' : `\`${allow}\``,
      ])
      expectReason(why, reason)
    }
    const entries = refused.flatMap(({ allow }) => allow ?? [])
    expect(report).toContain(`\`\`\`text\n${entries.join(',')}\n\`\`\``)
  })

  it('counts them in the pull request', async () => {
    const [pull] = await open.world.pulls()
    expect(pull?.body).toContain(`network: ${2 * refused.length} connections out of the sandboxes were refused`)
  })

  it('connects to nothing inside, not even where a listed name leads there', () => {
    expect(insideConnections).toBe(0)
  })

  it('ends with its sandbox', () => {
    expect(readdirSync(open.stack.env.EGRESS_SOCKET_FOLDER ?? '')).toEqual([])
  })

  for (const kind of KINDS)
    it(`is not there at all in the ${kind} sandbox where nothing is allowed`, async () => {
      expect(closed[kind].proxyVariables).toEqual([])
      expect(Object.values(closed[kind].direct)).toEqual(['ECONNREFUSED', 'ENETUNREACH'])
      for (const outcome of Object.values(closed[kind].names)) expect(outcome).toMatch(/^E/)
      expect(await closed.world.report('probe.md')).not.toContain('## Network')
    })
})

function refusalLines(stack: Stack) {
  const file = stack.logFiles.find((path) => path.endsWith('/egress-proxy.log')) ?? ''
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.flatMap((line) => {
    const parsed = refusalLineSchema.safeParse(JSON.parse(line))
    return parsed.success ? [parsed.data] : []
  })
}

function expectReason(reason: string, expected: string | RegExp): void {
  if (typeof expected === 'string') expect(reason).toBe(expected)
  else expect(reason).toMatch(expected)
}
