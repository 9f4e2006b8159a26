import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Octokit } from '@octokit/rest'
import { createComposeProject, freePort, remoteRefs, settingsOfTheMachine } from './compose-project.ts'
import { newRandom } from './seeded-random.ts'

/**
 * `node e2e/src/scale-kills.ts`: the compose project with two workers, plans on two repositories, and `docker kill` of a
 * random container of DevBot's every few seconds until all plans are pull requests. Prints what was killed and what came
 * of it; ends with 1 when that is anything but one pull request with one commit of each plan, and nothing else.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    plans: { type: 'string', default: '12' },
    /** Mean seconds between two kills. */
    every: { type: 'string', default: '5' },
    minutes: { type: 'string', default: '15' },
  },
})
const random = newRandom(Number(values.seed))
const REPOSITORIES = ['timespan', 'notes'] as const
const OWNER = 'timespan'
/** All of DevBot; the demo's GitHub and model stand for services that others run. */
const KILLED = ['worker', 'watcher', 'webhook-ingress', 'redis', 'docker-gate', 'egress-proxy']

type Project = ReturnType<typeof createComposeProject>
type Plan = { readonly name: string; readonly repository: (typeof REPOSITORIES)[number]; readonly text: string }

const plans: readonly Plan[] = Array.from({ length: Number(values.plans) }, (_, index) => {
  const repository = REPOSITORIES[index % 2 === 0 ? 0 : 1]
  const replay = index % 4 < 2 ? 'slow' : 'small'
  const text = `---\nrepo: ${OWNER}/${repository}\ntest: node --version\n---\n# Plan ${index}\n\nreplay: ${replay}\n`
  return { name: `plan-${index}.md`, repository, text }
})

await using parts = new AsyncDisposableStack()
const folder = await mkdtemp(join(tmpdir(), 'devbot-scale-'))
parts.defer(() => rm(folder, { recursive: true, force: true }))
const plansFolder = join(folder, 'ai-docs')
await mkdir(plansFolder)
const githubPort = await freePort()
const project = createComposeProject({
  name: `devbot-scale-${randomBytes(3).toString('hex')}`,
  machine: process.env,
  env: {
    ...(await settingsOfTheMachine(process.env)),
    AI_DOCS_DIR: plansFolder,
    BIND_ADDRESS: '127.0.0.1',
    PORT: String(await freePort()),
    DEMO_GITHUB_PORT: String(githubPort),
    MAX_FIRST_START: '100',
    SANDBOX_MEMORY: '512m',
    SANDBOX_DISK: '256m',
    HEALTH_INTERVAL: '2s',
  },
})
const imagesBefore = await project.imageIds()
parts.defer(async () => {
  await project.remove()
  await project.giveBackNames(imagesBefore)
})

say(`seed ${values.seed}: starting the project with two workers ...`)
await project.compose('--profile', 'demo', 'up', '-d', '--build', '--wait', '--scale', 'worker=2')
const token = (await project.secrets()).get('ada') ?? ''
const github = new Octokit({ baseUrl: `http://127.0.0.1:${githubPort}/api/v3`, auth: token })

const startedAt = performance.now()
for (const { name, text } of plans) await writeFile(join(plansFolder, name), text)
const killed = await killUntil(allInReview)
say(`${seconds()} s: all plans are in review, after kills of ${summary(killed)}`)
const problems = await problemsWith(project)
for (const problem of problems) say(`NOT AS IT SHOULD BE: ${problem}`)
say(
  `seed ${values.seed}, ${plans.length} plans, ${killed.length} kills, ${seconds()} s: ${problems.length === 0 ? `${plans.length} pull requests, nothing else` : `${problems.length} problems`}`,
)
process.exitCode = problems.length === 0 ? 0 : 1

/** Kills and starts again until `isDone`; what was killed. */
async function killUntil(isDone: () => Promise<boolean>): Promise<readonly string[]> {
  const names: string[] = []
  const deadline = performance.now() + Number(values.minutes) * 60_000
  while (!(await isDone())) {
    if (performance.now() > deadline) {
      say(await project.newestLogs())
      throw new Error(`not all plans are in review after ${values.minutes} minutes`)
    }
    await sleep(Number(values.every) * 1000 * (0.5 + random()))
    const victims = (await project.list()).filter(
      ({ Service, State }) => KILLED.includes(Service) && State === 'running',
    )
    const victim = victims.toSorted((one, other) => (one.Name < other.Name ? -1 : 1))[
      Math.floor(random() * victims.length)
    ]
    if (victim === undefined) continue
    await project.docker('kill', victim.Name)
    await sleep(random() * 3_000)
    // An engine does not restart what somebody killed by hand.
    await project.docker('start', victim.Name)
    names.push(victim.Service)
    say(`${seconds()} s: killed and started ${victim.Name}`)
  }
  return names
}

/** By the reports: they need nothing of the project, which may just have lost its Redis. */
async function allInReview(): Promise<boolean> {
  return (await readdir(plansFolder)).filter((name) => name.endsWith('.report.md')).length >= plans.length
}

async function problemsWith({ tasks, sandboxes }: Project): Promise<readonly string[]> {
  const found: string[] = []
  const expectSame = (what: string, actual: unknown, expected: unknown) => {
    if (JSON.stringify(actual) !== JSON.stringify(expected))
      found.push(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`)
  }
  const settled = await untilSettled(tasks)
  expectSame(
    'tasks',
    settled.map(({ planPath, status }) => `${planPath} ${status}`).toSorted(),
    plans.map(({ name }) => `${name} in-review`).toSorted(),
  )
  for (const repository of REPOSITORIES) {
    const there = { owner: OWNER, repo: repository }
    const branches = settled.filter((task) => task.repository === `${OWNER}/${repository}`).map(({ branch }) => branch)
    const { data: pulls } = await github.pulls.list({ ...there, state: 'all', per_page: 100 })
    expectSame(`${repository}: pull requests`, pulls.map(({ head }) => head.ref).toSorted(), branches.toSorted())
    const refs = [
      ...(await remoteRefs(`http://127.0.0.1:${githubPort}/${OWNER}/${repository}.git`, token, process.env)),
    ]
    const heads = refs.map(([ref]) => ref).filter((ref) => ref.startsWith('refs/heads/'))
    expectSame(
      `${repository}: branches`,
      heads.toSorted(),
      ['main', ...branches].map((branch) => `refs/heads/${branch}`).toSorted(),
    )
    for (const { number, state, user } of pulls) {
      const { data: commits } = await github.pulls.listCommits({ ...there, pull_number: number })
      const { data: comments } = await github.issues.listComments({ ...there, issue_number: number })
      expectSame(
        `${repository}#${number}`,
        { state, user: user?.login, commits: commits.length, comments: comments.length },
        { state: 'open', user: 'devbot', commits: 1, comments: 0 },
      )
    }
  }
  expectSame('sandboxes', await sandboxes(), [])
  return found
}

/** A report is written before the last record of a task, and a killed worker's sandboxes go after its lease. */
async function untilSettled(tasks: Project['tasks']) {
  const deadline = performance.now() + 120_000
  for (;;) {
    const all = await tasks().catch(() => [])
    const isSettled = all.length >= plans.length && all.every(({ status }) => status === 'in-review')
    if (performance.now() > deadline || (isSettled && (await project.sandboxes()).length === 0)) return all
    await sleep(2_000)
  }
}

function summary(names: readonly string[]): string {
  const counts = Object.entries(Object.groupBy(names, (name) => name))
  return counts.map(([name, all = []]) => `${all.length} ${name}`).join(', ')
}

function seconds(): string {
  return ((performance.now() - startedAt) / 1000).toFixed(0)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
