import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { realpath } from 'node:fs/promises'
import { promisify } from 'node:util'
import { DevBotError } from '@devbot/contracts'
import { composeSettings, root } from './config.ts'

const run = promisify(execFile)

/** Commands that ask the ledger or look at the whole: what they need stands in the compose project's volumes. */
const COMPOSE_COMMANDS = new Set([
  'tasks',
  'show',
  'logs',
  'start',
  'cancel',
  'retry',
  'pause',
  'resume',
  'stop',
  'doctor',
])
/** A Docker client that says nothing for this long is treated as absent. */
const ASK_TIMEOUT_MS = 5_000

/**
 * Runs the command in the cli container of the compose project that runs from this checkout, and answers its exit code.
 * Answers nothing where there is no such project, or REDIS_URL says which ledger is meant: then it runs here. Throws
 * `invalid-input` when several projects of this checkout run and nothing says which.
 */
export async function runInCompose(args: readonly string[]): Promise<number | undefined> {
  const settings = composeSettings()
  const command = args.find((argument) => !argument.startsWith('-'))
  if (settings.isInside || settings.hasLedgerAddress || !COMPOSE_COMMANDS.has(command ?? '')) return undefined
  const projects = await runningProjects()
  const project = projects.find((name) => name === settings.projectName) ?? onlyOne(projects)
  if (project === undefined) return undefined
  const child = spawn('docker', composeArguments(project, args, process.stdin.isTTY && process.stdout.isTTY), {
    stdio: 'inherit',
    cwd: root,
  })
  // The terminal's Ctrl-C reaches the child by itself; it decides when this ends.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  const [code] = await once(child, 'exit')
  return typeof code === 'number' ? code : 1
}

/** `docker`'s arguments for one command in the cli container. */
export function composeArguments(project: string, args: readonly string[], isTerminal: boolean): readonly string[] {
  return [
    // It runs in the checkout, where compose finds its file, and an override beside it.
    'compose',
    '--project-name',
    project,
    '--profile',
    'cli',
    'run',
    '--rm',
    '--no-deps',
    ...(isTerminal ? [] : ['--no-TTY']),
    'cli',
    ...args,
  ]
}

function onlyOne(projects: readonly string[]): string | undefined {
  if (projects.length <= 1) return projects[0]
  throw new DevBotError({
    category: 'invalid-input',
    code: 'compose-projects',
    message: `several compose projects of this checkout run (${projects.join(', ')}); say which by COMPOSE_PROJECT_NAME`,
  })
}

/** Compose projects whose Redis runs and whose folder is this checkout. */
async function runningProjects(): Promise<readonly string[]> {
  const label = (name: string) => `{{.Label "com.docker.compose.${name}"}}`
  const format = `${label('project')}\t${label('project.working_dir')}`
  try {
    const { stdout } = await run(
      'docker',
      ['ps', '--filter', 'label=com.docker.compose.service=redis', '--format', format],
      { timeout: ASK_TIMEOUT_MS },
    )
    const here = await realpath(root)
    const rows = stdout.split('\n').map((line) => line.split('\t'))
    const found = await Promise.all(
      rows.map(async ([project = '', folder = '']) =>
        project !== '' && (await realpath(folder).catch(() => undefined)) === here ? project : undefined,
      ),
    )
    return found.filter((project) => project !== undefined)
  } catch {
    // No Docker client, or no engine behind it: nothing of ours runs there.
    return []
  }
}
