import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { gunzipSync } from 'node:zlib'
import { canUseDocker, type Stack, startStack } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { worldOf } from './src/world.ts'

const PROBE = readFileSync(new URL('./src/probes/probe.mjs', import.meta.url), 'utf8')

const reportSchema = z.object({
  user: z.number(),
  environment: z.record(z.string(), z.string()),
  status: z.string(),
  interfaces: z.array(z.string()),
  mounts: z.string(),
  processes: z.array(z.object({ pid: z.string(), command: z.string().optional(), environment: z.string().optional() })),
  network: z.array(z.object({ to: z.string(), outcome: z.string() })),
  ping: z.object({ ok: z.number().optional(), error: z.unknown().optional() }),
  name: z.string(),
  sockets: z.array(z.string()),
  writable: z.array(z.string()),
  gitConfiguration: z.object({ ok: z.string().optional(), error: z.unknown().optional() }),
  filesWithSecrets: z.object({ ok: z.string().optional(), error: z.unknown().optional() }),
})
type ProbeReport = z.infer<typeof reportSchema>

/** The last probe's report in a text. */
function reportIn(text: string): ProbeReport {
  const [, encoded] = [...text.matchAll(/PROBE ([A-Za-z0-9+/=]+)/g)].at(-1) ?? []
  if (encoded === undefined) throw new Error(`no probe report in: ${text.slice(0, 2000)}`)
  return reportSchema.parse(JSON.parse(gunzipSync(Buffer.from(encoded, 'base64')).toString('utf8')))
}

const TRAJECTORIES = [
  {
    name: 'probe',
    match: 'replay: probe',
    captures: { targets: { pattern: 'targets: (\\S+)', exactly: 1 } },
    turns: [
      { calls: [{ tool: 'write', input: { path: 'probe.mjs', content: PROBE } }] },
      { calls: [{ tool: 'shell', input: { command: 'node probe.mjs {{targets}}', timeout_s: 120 } }] },
      {
        expect: 'PROBE',
        calls: [{ tool: 'finish', input: { title: 'Probe the sandbox', summary: 'Looked around.' } }],
      },
    ],
  },
]

/** The sandbox's own loopback takes a datagram for nobody. */
const OWN_LOOPBACK = /^udp (127\.0\.0\.1|::1):/

describe.skipIf(!(await canUseDocker()))('what untrusted code finds in a sandbox', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>
  const reports: { agent?: ProbeReport; check?: ProbeReport } = {}

  beforeAll(async () => {
    stack = await startStack({ sandbox: 'docker', trajectories: TRAJECTORIES })
    world = worldOf(stack)
    await world.writePlan(
      'probe.md',
      `---\ntest: node probe.mjs ${targets()}\n---\n# Probe\n\nreplay: probe\n\ntargets: ${targets()}\n`,
    )
    const task = await world.settled('probe.md', 'in-review', 150_000)
    const details = await stack.ledger.details(task.id)
    const run = details?.runs[0]
    const turns = await stack.ledger.turns(run?.id ?? '')
    reports.agent = reportIn(turns.map(({ body }) => body).join('\n'))
    reports.check = reportIn(run?.verification?.output ?? '')
  }, 200_000)
  afterAll(() => stack?.stop())

  /** Addresses of this machine and beyond, and the ports of the stack's own services. */
  function targets(): string {
    const local = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .map(({ address }) => address)
      .filter((address) => !address.startsWith('fe80'))
    const resolvers = readFileSync('/etc/resolv.conf', 'utf8').match(/(?<=nameserver )\S+/g) ?? []
    const services = [stack.redis.url, stack.github.serverUrl, stack.model.url, stack.webhookUrl()]
    const ports = [22, 53, 80, 443, 2375, ...services.map((url) => Number(new URL(url).port))]
    const hosts = [...new Set([...local, ...resolvers, '169.254.169.254', '1.1.1.1'])]
    return Buffer.from(JSON.stringify({ hosts, ports })).toString('base64url')
  }

  for (const kind of ['agent', 'check'] as const) {
    describe(`in the ${kind} sandbox`, () => {
      const report = () => {
        const found = reports[kind]
        if (found === undefined) throw new Error(`the ${kind} sandbox was not probed`)
        return found
      }

      it('runs as nobody, without capabilities or new privileges, under seccomp', () => {
        expect(report().user).toBe(65534)
        for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
          expect(report().status).toMatch(new RegExp(`^${set}:\\s+0+$`, 'm'))
        expect(report().status).toMatch(/^NoNewPrivs:\s+1$/m)
        expect(report().status).toMatch(/^Seccomp:\s+2$/m)
      })

      it('has no interface but loopback, and reaches no address, by no protocol', () => {
        expect(report().interfaces.filter((name) => name !== 'lo')).toEqual([])
        expect(report().network.length).toBeGreaterThan(20)
        for (const { to, outcome } of report().network.filter((tried) => !OWN_LOOPBACK.test(tried.to)))
          expect([to, outcome]).toEqual([to, expect.stringMatching(/^E/)])
        expect(report().ping.ok).toBeUndefined()
        expect(report().name).not.toBe('resolved')
      })

      it('may write nowhere but in its own folders', () => {
        expect(report().writable).toEqual([])
        expect(report().sockets).toEqual([])
        expect(report().mounts).toMatch(/^\S+ \/ \S+ ro[, ]/m)
      })

      it('holds none of the seeded secrets: not in environment, processes, files or git configuration', () => {
        const everything = JSON.stringify(report())
        for (const secret of [stack.env.ANTHROPIC_API_KEY, stack.webhookSecret, ...Object.values(stack.tokens)]) {
          expect(secret?.length).toBeGreaterThan(20)
          expect(everything).not.toContain(secret)
        }
        expect(report().filesWithSecrets.ok?.trim()).toBe('')
        expect(Object.keys(report().environment).filter((name) => /TOKEN|KEY|SECRET|REDIS|GITHUB/i.test(name))).toEqual(
          [],
        )
      })

      it('sees no process but its own', () => {
        const foreign = report().processes.filter(({ command }) => /dockerd|redis|services\/|socat/.test(command ?? ''))
        expect(foreign).toEqual([])
        // The keeper's environment is another user's.
        expect(report().processes.find(({ pid }) => pid === '1')?.environment).toBeUndefined()
      })
    })
  }

  it('leaves no container behind when its tasks have ended', () => {
    const left = execFileSync('docker', [
      'ps',
      '--all',
      '--quiet',
      '--filter',
      `label=dev.devbot.instance=${stack.env.DEVBOT_INSTANCE}`,
    ])
    expect(left.toString().trim()).toBe('')
  })
})
