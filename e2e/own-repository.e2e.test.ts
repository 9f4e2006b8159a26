import { execFileSync } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { canUseDocker, type Stack, startStack } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { worldOf } from './src/world.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
/** The registry of this machine's own configuration; its name appears in no file. */
const registry = new URL(execFileSync('npm', ['config', 'get', 'registry'], { cwd: root, encoding: 'utf8' }).trim())

const TRAJECTORIES = ['first', 'second'].map((name) => ({
  name,
  match: `replay: ${name} note`,
  turns: [
    { calls: [{ tool: 'write', input: { path: `docs/${name}-note.md`, content: `# The ${name} note\n` } }] },
    { calls: [{ tool: 'finish', input: { title: `Add the ${name} note`, summary: 'A file of documentation.' } }] },
  ],
}))

const plan = (name: string, test: string) => `---
title: Add the ${name} note
repo: timespan/devbot
setup: npm_config_registry=${registry.href} pnpm install --frozen-lockfile --filter devbot --filter @devbot/contracts
test: ${test}
---
# Add the ${name} note

replay: ${name} note
`

describe.skipIf(!(await canUseDocker()))('a repository with real dependencies: DevBot’s own', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>

  beforeAll(async () => {
    // A registry inside a company, or on a development machine, may have an address that is not public: then it is allowed as such.
    const addresses = (await lookup(registry.hostname, { all: true })).map(({ address }) => address)
    stack = await startStack({
      sandbox: 'docker',
      egressAllow: [registry.host, ...addresses.map((address) => (address.includes(':') ? `[${address}]` : address))],
      trajectories: TRAJECTORIES,
      env: { ALLOWED_REPOS: 'timespan/timespan,timespan/devbot', MAX_MINUTES: '20' },
    })
    world = worldOf(stack)
    await stack.github.seedRepository({
      owner: 'timespan',
      name: 'devbot',
      defaultBranch: 'main',
      visibility: 'public',
      history: [
        {
          message: 'DevBot as it is',
          author: { name: 'ada', email: 'ada@timespan.example' },
          date: '2026-11-01T12:00:00Z',
          files: trackedFiles(),
        },
      ],
    })
  }, 120_000)
  afterAll(() => stack?.stop())

  /** Every file of the checkout that git knows or would take. */
  function trackedFiles(): Record<string, Uint8Array> {
    const names = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
      .toString()
      .split('\0')
      .filter((name) => name !== '')
    return Object.fromEntries(names.map((name) => [name, readFileSync(`${root}/${name}`)]))
  }

  async function setupOf(planPath: string) {
    const task = await world.settled(planPath, 'in-review', 400_000)
    const details = await stack.ledger.details(task.id)
    const events = await stack.ledger.events(task.id)
    const setup = events
      .map(({ event }) => event)
      .find((event) => event.kind === 'stage-end' && event.stage === 'setup')
    process.stdout.write(`setup of ${planPath}: ${JSON.stringify({ setup, notes: details?.runs[0]?.notes })}\n`)
    return { run: details?.runs[0], setup }
  }

  it('installs through the egress-proxy, and the unit tests of a package are baseline and verification', async () => {
    await world.writePlan(
      'first.md',
      plan('first', 'NO_COLOR=1 pnpm exec vitest run --project unit packages/contracts'),
    )
    const { run, setup } = await setupOf('first.md')
    expect(setup).toMatchObject({ detail: expect.stringMatching(/ran in/) })
    expect(run?.baseline?.output).toMatch(/Tests\s+\d{3,} passed/)
    expect(run?.baseline?.exitCode).toBe(0)
    expect(run?.verification?.exitCode).toBe(0)
    expect(await world.report('first.md')).not.toContain('refused')
  }, 420_000)

  it('serves the second run’s setup from the cache', async () => {
    await world.writePlan('second.md', plan('second', 'pnpm exec vitest --version'))
    const { run, setup } = await setupOf('second.md')
    expect(setup).toMatchObject({ detail: expect.stringMatching(/from cache/) })
    expect(run?.verification?.exitCode).toBe(0)
  }, 420_000)
})
