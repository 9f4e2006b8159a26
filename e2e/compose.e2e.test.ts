import { randomBytes } from 'node:crypto'
import { chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reportFileNameFor } from '@devbot/contracts'
import { canUseDocker, REPOSITORY, waitFor } from '@devbot/demo'
import { Octokit } from '@octokit/rest'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  type ComposeProject,
  createComposeProject,
  freePort,
  hasCompose,
  remoteRefs,
  settingsOfTheMachine,
} from './src/compose-project.ts'
import { repository } from './src/world.ts'

/** The demo's own plan goes through containers in the loop's test. */
const PLAN = '261122__PLAN__small.md'
const PLAN_TEXT = '---\ntest: test -s greeting.txt\n---\n# Small\n\nreplay: small\n'
const SLOW_PLAN = '---\ntest: node --version\n---\n# Slow\n\nreplay: slow\n'
/** Two cores that others use as well. */
const WAIT_MS = 180_000
const waiting = { timeoutMs: WAIT_MS, everyMs: 500 }

/** Services by what they are for; those of the demo stand in for GitHub and the model. */
const SERVICES = ['docker-gate', 'egress-proxy', 'redis', 'watcher', 'webhook-ingress', 'worker']
const DEMO_SERVICES = ['local-github', 'replay-model']
const ONE_SHOTS = ['init', 'sandbox-image']
const DEMO_ONE_SHOTS = ['demo-init']
/** Start as root to become the owner of the plan folder, or the group of the engine's socket. */
const CHANGE_THEIR_USER = ['docker-gate', 'watcher', 'worker']

/** Reports belong to whom the plan folder belongs; only root can give it to somebody else. */
const OWNER = process.getuid?.() === 0 ? 1234 : (process.getuid?.() ?? 1234)

const findingsSchema = z.array(z.object({ name: z.string(), state: z.string(), detail: z.string() }))
const deliveriesSchema = z.array(z.object({ event: z.string(), statusCode: z.number().optional() }))
const review = { body: 'Politely.', comments: [{ path: 'greeting.txt', line: 1, body: 'Good day, please.' }] }
const canRun = (await canUseDocker()) && (await hasCompose(process.env))

describe.skipIf(!canRun)('the compose project, from outside', () => {
  const name = `devbot-e2e-${randomBytes(3).toString('hex')}`
  let folder: string
  let plans: string
  let githubUrl: string
  let webhookPort: number
  let env: Readonly<Record<string, string>>
  let project: ComposeProject
  let imagesBefore: readonly (string | undefined)[] = []
  let secrets: ReadonlyMap<string, string>
  let refsBefore: ReadonlyMap<string, string>

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'devbot-compose-'))
    await newPlanFolder()
    webhookPort = await freePort()
    const githubPort = await freePort()
    githubUrl = `http://127.0.0.1:${githubPort}`
    env = {
      ...(await settingsOfTheMachine(process.env)),
      AI_DOCS_DIR: plans,
      BIND_ADDRESS: '127.0.0.1',
      PORT: String(webhookPort),
      DEMO_GITHUB_PORT: String(githubPort),
      HEALTH_INTERVAL: '1s',
      SETTLE_SECONDS: '1',
    }
    project = createComposeProject({ name, machine: process.env, env })
    imagesBefore = await project.imageIds()
    try {
      await project.compose('--profile', 'demo', 'up', '-d', '--build', '--wait')
    } catch (error) {
      process.stderr.write(`${await project.newestLogs()}\n`)
      throw error
    }
    secrets = await project.secrets()
    refsBefore = await refsNow()
  }, 900_000)

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${await project.newestLogs()}\n`)
  }, 60_000)

  afterAll(async () => {
    try {
      // Nothing was started when even its settings could not be found.
      if (project === undefined) return
      await project.remove()
      expect([...(await project.leftovers()), ...(await project.sandboxes())]).toEqual([])
      await project.giveBackNames(imagesBefore)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }, 300_000)

  const token = (login: string) => secrets.get(login) ?? ''
  const asAda = () => new Octokit({ baseUrl: `${githubUrl}/api/v3`, auth: token('ada') })
  const pullsOf = async (branchPart: string) =>
    (await asAda().pulls.list({ ...repository, state: 'all', per_page: 100 })).data.filter(({ head }) =>
      head.ref.startsWith(`agent/${branchPart}`),
    )
  const report = (plan: string) => readFile(join(plans, reportFileNameFor(plan)), 'utf8').catch(absent)
  const reportThat = (plan: string, pattern: RegExp) =>
    waitFor(
      `the report on ${plan} to say ${pattern}`,
      async () => {
        const text = await report(plan)
        return text !== undefined && pattern.test(text) ? text : undefined
      },
      { ...waiting, otherwise: async () => ({ report: await report(plan), tasks: await project.cli('tasks') }) },
    )
  const taskOf = async (plan: string) => {
    const found = (await project.tasks()).find((task) => task.planPath === plan)
    if (found === undefined) throw new Error(`there is no task for ${plan}`)
    return found
  }

  const refsNow = () => remoteRefs(`${githubUrl}/${REPOSITORY}.git`, token('ada'), process.env)
  const noSandboxLeft = () =>
    waitFor('the sandboxes to be gone', async () => (await project.sandboxes()).length === 0, {
      ...waiting,
      otherwise: () => project.sandboxes(),
    })

  /** An empty plan folder in the place of the one there may have been. */
  async function newPlanFolder(): Promise<void> {
    plans = join(folder, 'ai-docs')
    await rm(plans, { recursive: true, force: true })
    await mkdir(plans)
    await chown(plans, OWNER, OWNER)
  }

  /** Puts a plan into the folder as its owner would. */
  async function dropPlan(planName: string, text: string): Promise<void> {
    await writeFile(join(plans, planName), text)
    await chown(join(plans, planName), OWNER, OWNER)
  }

  /** What the local GitHub delivered, and what the ingress answered; it tells this only within its own container. */
  async function deliveries() {
    const ask = `process.stdout.write(await (await fetch('${githubUrl}/_local/deliveries')).text())`
    const answer = await project.compose('exec', '-T', 'local-github', 'node', '--input-type=module', '--eval', ask)
    return deliveriesSchema.parse(JSON.parse(answer))
  }

  async function expectAllHealthy(services: readonly string[], oneShots: readonly string[]): Promise<void> {
    const listed = await project.list()
    const word = ({ Service, State, Health, ExitCode }: (typeof listed)[number]) =>
      [Service, Health === '' ? `${State} ${ExitCode}` : Health] as const
    expect(Object.fromEntries(listed.map(word))).toEqual({
      ...Object.fromEntries(services.map((service) => [service, 'healthy'])),
      ...Object.fromEntries(oneShots.map((service) => [service, 'exited 0'])),
    })
  }

  describe('what runs', () => {
    it('has every service healthy, and those that prepare ended well', () =>
      expectAllHealthy([...SERVICES, ...DEMO_SERVICES], [...ONE_SHOTS, ...DEMO_ONE_SHOTS]))

    it('publishes the ingress and, in the demo, the local GitHub on loopback, and nothing else', async () => {
      const published = (await project.list()).flatMap(({ Service, Publishers }) =>
        Publishers.filter(({ PublishedPort }) => PublishedPort > 0).map(
          ({ URL: address, PublishedPort }) => `${Service} http://${address}:${PublishedPort}`,
        ),
      )
      expect(published.toSorted()).toEqual([
        `local-github ${githubUrl}`,
        `webhook-ingress http://127.0.0.1:${webhookPort}`,
      ])
    })

    it.each([...SERVICES, ...DEMO_SERVICES])(
      'runs %s as nobody of rank: not root, no capability, none to be had',
      async (service) => {
        const processes = await project.processes(service)
        expect(processes.map((status) => status.get('Name')).join()).toMatch(/,(node|redis-server)/)
        for (const status of processes) {
          const ids = `${status.get('Uid')} ${status.get('Gid')}`.split(/\s+/).map(Number)
          expect(Math.min(...ids), `${status.get('Name')}: ${ids}`).toBeGreaterThan(0)
          for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
            expect(status.get(set), `${status.get('Name')}: ${set}`).toMatch(/^0+$/)
          expect(status.get('NoNewPrivs')).toBe('1')
          expect(status.get('Seccomp')).toBe('2')
        }
      },
    )

    it('makes watcher and worker the owner of the plan folder, and the gate somebody else', async () => {
      const userOf = async (service: string) => (await project.processes(service)).at(-1)?.get('Uid')?.split('\t')[0]
      const users = await Promise.all(['watcher', 'worker', 'docker-gate'].map(userOf))
      expect(users).toEqual([String(OWNER), String(OWNER), '10002'])
    })

    it('contains every container: root read-only, capabilities dropped, no new privileges, limits, capped logs', async () => {
      const containers = await project.inspect()
      expect(containers).toHaveLength(SERVICES.length + DEMO_SERVICES.length + ONE_SHOTS.length + DEMO_ONE_SHOTS.length)
      for (const { service, HostConfig } of containers) {
        expect(HostConfig, service).toMatchObject({
          Privileged: false,
          ReadonlyRootfs: true,
          SecurityOpt: ['no-new-privileges:true'],
          CapDrop: ['ALL'],
          PidMode: '',
          RestartPolicy: { Name: service.includes('init') || service === 'sandbox-image' ? 'no' : 'unless-stopped' },
          LogConfig: { Config: { 'max-size': '10m', 'max-file': '3' } },
        })
        expect(HostConfig.PidsLimit, service).toBeGreaterThan(0)
        if (service !== 'sandbox-image') expect(HostConfig.Memory, service).toBeGreaterThan(0)
      }
    })

    it('lends capabilities only to what changes its user at the start, and to init', async () => {
      const lent = (await project.inspect()).flatMap(({ service, HostConfig }) =>
        (HostConfig.CapAdd ?? []).map((capability) => `${service} ${capability.replace(/^CAP_/, '')}`),
      )
      expect(lent.toSorted()).toEqual(
        [
          ...[...ONE_SHOTS, ...DEMO_ONE_SHOTS]
            .filter((service) => service.endsWith('init'))
            .flatMap((service) => ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'].map((capability) => `${service} ${capability}`)),
          ...CHANGE_THEIR_USER.flatMap((service) =>
            ['SETGID', 'SETPCAP', 'SETUID'].map((capability) => `${service} ${capability}`),
          ),
        ].toSorted(),
      )
    })

    it('mounts nothing of the machine but the plan folder, and the engine’s socket for the gate alone', async () => {
      const bound = (await project.inspect()).flatMap(({ service, Mounts }) =>
        Mounts.filter(({ Type }) => Type === 'bind').map(
          ({ Source, Destination }) => `${service} ${Source} ${Destination}`,
        ),
      )
      const socket = env.DOCKER_SOCKET_PATH ?? '/var/run/docker.sock'
      expect(bound.toSorted()).toEqual([
        `docker-gate ${socket} /var/run/docker.sock`,
        ...['init', 'watcher', 'worker'].map((service) => `${service} ${plans} /ai-docs`),
      ])
    })

    it('keeps the sandboxes’ way out apart from Redis, Redis apart from the world, and the gate without a network', async () => {
      const networks = new Map(
        (await project.inspect()).map(({ service, NetworkSettings }) => [
          service,
          Object.keys(NetworkSettings.Networks).map((network) => network.replace(`${name}_`, '')),
        ]),
      )
      expect(networks.get('redis')).toEqual(['ledger'])
      expect(await project.networkIsInternal('ledger')).toBe(true)
      expect(networks.get('docker-gate')).toEqual(['none'])
      expect([...networks].filter(([, joined]) => joined.includes('egress')).map(([service]) => service)).toEqual([
        'egress-proxy',
      ])
      expect(networks.get('egress-proxy')).toEqual(['egress'])
    })
  })

  describe('a plan and a review', { timeout: 2 * WAIT_MS }, () => {
    beforeAll(() => dropPlan(PLAN, PLAN_TEXT))

    it('makes of a plan in the folder one pull request, and a report that belongs to the folder’s owner', async () => {
      const text = await reportThat(PLAN, /^status: in-review$/m)
      expect(text).toContain('fixed: tests failed before and pass now')
      const { uid, gid } = await stat(join(plans, reportFileNameFor(PLAN)))
      expect({ uid, gid }).toEqual({ uid: OWNER, gid: OWNER })
      expect(await pullsOf('')).toMatchObject([
        { state: 'open', draft: false, base: { ref: 'main' }, user: { login: 'devbot' } },
      ])
      expect(text).toContain(`${githubUrl}/${REPOSITORY}/pull/1`)
    })

    it('pushed the tree it tested, on one branch, and no other ref', async () => {
      const [pull] = await pullsOf('261122-plan-small')
      const { data: commit } = await asAda().git.getCommit({ ...repository, commit_sha: pull?.head.sha ?? '' })
      const [firstRun] = await project.runsOf((await taskOf(PLAN)).id)
      expect(firstRun?.verification?.treeId).toBe(commit.tree.sha)
      expect(await refsNow()).toEqual(
        new Map([
          ...refsBefore,
          [`refs/heads/${pull?.head.ref}`, pull?.head.sha],
          [`refs/pull/${pull?.number}/head`, pull?.head.sha],
        ]),
      )
      expect([...refsBefore.keys()].toSorted()).toEqual(['HEAD', 'refs/heads/main'])
    })

    it('works off a review that GitHub’s webhook brings: second commit, answers where they were asked', async () => {
      const pull_number = (await pullsOf(''))[0]?.number ?? 0
      await asAda().pulls.createReview({ ...repository, pull_number, event: 'REQUEST_CHANGES', ...review })
      const text = await reportThat(PLAN, /^rounds: 1$/m)
      expect(text.split('## Feedback')[1]).toContain('| done |')
      expect((await asAda().pulls.listCommits({ ...repository, pull_number })).data).toHaveLength(2)
      const { data: comments } = await asAda().pulls.listReviewComments({ ...repository, pull_number })
      expect(comments[1]).toMatchObject({ user: { login: 'devbot' }, in_reply_to_id: comments[0]?.id })
      const { data: answers } = await asAda().issues.listComments({ ...repository, issue_number: pull_number })
      expect(answers).toMatchObject([{ user: { login: 'devbot' } }])
      expect(await deliveries()).toContainEqual({ event: 'pull_request_review', statusCode: 202 })
    })

    it('shows no generated secret in configuration, containers, logs or report', async () => {
      const texts = [...(await project.shown()), await project.logs(), (await report(PLAN)) ?? '']
      expect(texts.every((text) => text.length > 0)).toBe(true)
      const leaked = [...secrets].filter(([, secret]) => texts.some((text) => text.includes(secret)))
      expect(leaked.map(([whose]) => whose)).toEqual([])
    })

    it('lists the task in the cli container', async () => {
      expect(await taskOf(PLAN)).toMatchObject({ status: 'in-review', rounds: 1, repository: REPOSITORY })
      expect((await project.cli('tasks')).stdout).toContain(`${githubUrl}/${REPOSITORY}/pull/1`)
    })

    it('finds nothing wrong as doctor, names the webhook’s address, and shows its secret only when asked', async () => {
      const quiet = await project.cli('doctor', '--json')
      const findings = findingsSchema.parse(JSON.parse(quiet.stdout))
      expect(findings.filter(({ state }) => state !== 'ok')).toEqual([])
      expect(quiet.code).toBe(0)
      const webhook = findings.find(({ name: what }) => what.startsWith('webhook'))?.detail
      expect(webhook).toMatch(new RegExp(`payload URL +http://.*:${webhookPort}/webhook`))
      expect(webhook).toContain('--show-secret shows it')
      expect(quiet.stdout).not.toContain(secrets.get('webhook'))
      expect((await project.cli('doctor', '--show-secret')).stdout).toContain(`secret        ${secrets.get('webhook')}`)
    })

    it('ends the task when a person merges, and leaves no sandbox', async () => {
      await asAda().pulls.merge({ ...repository, pull_number: (await pullsOf(''))[0]?.number ?? 0 })
      await reportThat(PLAN, /^status: merged$/m)
      await noSandboxLeft()
    })
  })

  it('ends well with one branch and one pull request when everything is stopped in the middle of a run', async () => {
    await dropPlan('slow.md', SLOW_PLAN)
    const running = () => project.sandboxes()
    await waitFor(
      'a sandbox to be there',
      async () => (await running()).some((part) => part.endsWith('-sandbox')),
      waiting,
    )
    // Some of its twenty turns of half a second.
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    await project.compose('--profile', 'demo', 'down')
    expect(await project.sandboxes()).toEqual([])
    expect((await report('slow.md')) ?? '').not.toMatch(/^status: in-review$/m)
    await project.compose('--profile', 'demo', 'up', '-d', '--wait')

    await reportThat('slow.md', /^status: in-review$/m)
    const [pull, ...others] = await pullsOf('slow')
    expect(others).toEqual([])
    const { data: commits } = await asAda().pulls.listCommits({ ...repository, pull_number: pull?.number ?? 0 })
    expect(commits).toHaveLength(1)
    const branches = [...(await refsNow()).keys()].filter((ref) => ref.startsWith('refs/heads/agent/slow'))
    expect(branches).toEqual([`refs/heads/${pull?.head.ref}`])
    const runs = await project.runsOf((await taskOf('slow.md')).id)
    // It has gone on where it was.
    expect(runs).toHaveLength(1)
    await noSandboxLeft()
    expect(await project.secrets()).toEqual(secrets)
  }, 600_000)

  it('starts for real with three values and nothing else, without the demo', async () => {
    await project.remove()
    expect(await project.leftovers()).toEqual([])
    await newPlanFolder()
    const { DEMO_GITHUB_PORT: _, ...isolation } = env
    project = createComposeProject({
      name,
      machine: process.env,
      env: {
        ...isolation,
        ANTHROPIC_API_KEY: `sk-ant-${randomBytes(20).toString('hex')}`,
        GITHUB_TOKEN: `github_pat_${randomBytes(20).toString('hex')}`,
        REPO_NAME: 'acme/widgets',
      },
    })
    await project.compose('up', '-d', '--wait')
    await expectAllHealthy(SERVICES, ONE_SHOTS)
    expect((await fetch(`http://127.0.0.1:${webhookPort}/readyz`)).status).toBe(200)
    const unsigned = await fetch(`http://127.0.0.1:${webhookPort}/webhook`, { method: 'POST', body: '{}' })
    expect(unsigned.status).toBeGreaterThanOrEqual(400)
    expect(unsigned.status).toBeLessThan(500)
    expect(await project.tasks()).toEqual([])
  }, 300_000)
})

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}
