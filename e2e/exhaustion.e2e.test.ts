import { execFileSync } from 'node:child_process'
import { canUseDocker, type Stack, startStack } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { worldOf } from './src/world.ts'

const finish = { calls: [{ tool: 'finish', input: { title: 'Use everything up', summary: 'Tried to.' } }] }

/** What eats a machine, each as one command of an agent; `seconds` is the command's own limit where it never ends. */
const ATTACKS: Readonly<Record<string, { readonly command: string; readonly seconds?: number }>> = {
  'fork-bomb': { command: 'b() { b | b & }; b; while :; do sleep 1000 & done 2>/dev/null', seconds: 5 },
  memory: {
    command: `node -e 'const kept = []; for (;;) kept.push(Buffer.alloc(64 * 1024 * 1024, 1))'; echo it ended with $?`,
  },
  disk: { command: 'dd if=/dev/zero of=fill bs=1M 2>&1 | tail -2; df -h . | tail -1; rm fill' },
  inodes: {
    command: `node -e 'const fs = require("node:fs"); fs.mkdirSync("many"); for (let i = 0; ; i += 1) fs.writeFileSync("many/" + i, "")' 2>&1 | grep -m1 -o ENOSPC; rm -rf many`,
    seconds: 60,
  },
  output: { command: 'yes "endless output"', seconds: 4 },
  endless: { command: 'while :; do :; done', seconds: 3 },
  children: {
    command:
      'for i in 1 2 3 4 5 6 7 8; do setsid nohup sh -c "trap \\"\\" TERM HUP; while :; do sleep 1; done" >/dev/null 2>&1 & done; echo started',
  },
}

const TRAJECTORIES = [
  ...Object.entries(ATTACKS).map(([name, { command, seconds }]) => ({
    name,
    match: `replay: ${name}`,
    turns: [
      { calls: [{ tool: 'write', input: { path: `${name}.txt`, content: 'tried\n' } }] },
      {
        calls: [{ tool: 'shell', input: { command, ...(seconds === undefined ? {} : { timeout_s: seconds }) } }],
      },
      finish,
      finish,
    ],
  })),
  {
    name: 'harmless',
    match: 'replay: harmless',
    turns: [{ calls: [{ tool: 'write', input: { path: 'harmless.txt', content: 'fine\n' } }] }, finish],
  },
]

const plan = (name: string, beside = '') => `---\ntest: node --version\n---\n# ${name} ${beside}\n\nreplay: ${name}\n`

describe.skipIf(!(await canUseDocker()))('a sandbox that uses up what it can', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>
  const latenciesMs: number[] = []
  let watching = true

  beforeAll(async () => {
    stack = await startStack({
      sandbox: 'docker',
      trajectories: TRAJECTORIES,
      env: { SANDBOX_MEMORY: '512m', SANDBOX_DISK: '256m', SANDBOX_PIDS: '128', WORKER_CONCURRENCY: '2' },
    })
    world = worldOf(stack)
    void watchHealth()
  }, 120_000)
  afterAll(async () => {
    watching = false
    await stack?.stop()
  })

  /** The worker's and the ingress' health answer, four times a second. */
  async function watchHealth(): Promise<void> {
    while (watching) {
      for (const name of ['worker', 'webhook-ingress'] as const) {
        const startedAt = performance.now()
        const answer = await fetch(`http://127.0.0.1:${stack.service(name).ports().ops}/healthz`).catch(() => undefined)
        if (watching) latenciesMs.push(answer?.ok ? performance.now() - startedAt : Number.POSITIVE_INFINITY)
      }
      await new Promise((resolve) => setTimeout(resolve, 250))
    }
  }

  for (const name of Object.keys(ATTACKS)) {
    it(`ends a run with ${name} within its limits and says what happened, while another task finishes`, async () => {
      await world.writePlan(`${name}.md`, plan(name))
      const other = `harmless-${name}.md`
      await world.writePlan(other, plan('harmless', name))
      const ended = ['in-review', 'given-up', 'no-change'] as const
      const task = await world.until(
        `${name}.md`,
        'to have ended',
        ({ status, reportDue, publication }) =>
          !reportDue && publication === undefined && ended.some((value) => value === status),
        150_000,
      )
      await world.settled(other, 'in-review', 60_000)
      const run = (await stack.ledger.details(task.id))?.runs.at(-1)
      expect(run?.outcome).toBeDefined()
      const turns = (await stack.ledger.turns(run?.id ?? '')).map(({ body }) => body).join('\n')
      const told = `${turns}\n${await world.report(`${name}.md`)}`
      expect(told).toMatch(TOLD[name] ?? /./)
    }, 200_000)
  }

  it('keeps the control plane answering within a second all the while', () => {
    expect(latenciesMs.length).toBeGreaterThan(20)
    expect(Math.max(...latenciesMs)).toBeLessThan(1000)
  })

  it('leaves no container behind', () => {
    const filter = `label=dev.devbot.instance=${stack.env.DEVBOT_INSTANCE}`
    expect(execFileSync('docker', ['ps', '--all', '--quiet', '--filter', filter]).toString().trim()).toBe('')
  })
})

/** What the model or the report must have been told of each. */
const TOLD: Readonly<Record<string, RegExp>> = {
  'fork-bomb': /exit code 2|annot fork|ended after 5 s|can.t fork|Resource temporarily|out of memory/i,
  memory: /ended with 137|Killed|out of memory/i,
  disk: /No space left on device|100%/,
  inodes: /ENOSPC|ended after 60 s/,
  output: /ended after 4 s|left out/,
  endless: /ended after 3 s/,
  children: /started/,
}
