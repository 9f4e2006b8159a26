import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { DevBotError } from '@devbot/contracts'
import type { SandboxEngine, SandboxProcess } from '../engine.ts'
import { sandboxMark } from './reap.ts'
import { removeFolder } from './remove-folder.ts'
import { killQuietly, killStragglers } from './stragglers.ts'

/** Enough for bundlers and test runners, not for the million that Node leaves its children. */
const MAX_OPEN_FILES = 4096
/** What a shell answers for a program that does not exist. */
const NOT_FOUND_EXIT_CODE = 127

type ProcessEngineOptions = {
  readonly id: string
  readonly folder: string
  /** Another folder for the tool channel's small files; made and removed with the sandbox. */
  readonly scratchFolder?: string
  readonly pathEnvironment: string
}

/** A folder with the sandbox's workspace, home, temporary and scratch folders, and processes that carry its mark. */
export async function createProcessEngine(options: ProcessEngineOptions): Promise<SandboxEngine> {
  const { id, folder, pathEnvironment } = options
  const scratch = options.scratchFolder ?? join(folder, 'scratch')
  const workspace = join(folder, 'workspace')
  const [home, temporary] = [join(folder, 'home'), join(folder, 'tmp')]
  await makeFolders([folder, workspace, home, temporary, scratch])
  const environment = {
    PATH: pathEnvironment,
    HOME: home,
    TMPDIR: temporary,
    USER: 'devbot',
    LANG: 'C.UTF-8',
    DEVBOT_SANDBOX: id,
  }
  const running = new Set<SandboxProcess>()
  let started = 0
  let removed = false

  async function killAll(): Promise<void> {
    await Promise.all([...running].map((process) => process.kill()))
    await killStragglers({ mark: sandboxMark(id), folder })
  }

  return {
    workspace,
    home,
    scratch,
    async start(argv) {
      if (removed) throw gone('it was removed')
      started += 1
      const mark = `${id}.${started}`
      const process = startProcess(argv, workspace, { ...environment, DEVBOT_PROCESS: mark }, `DEVBOT_PROCESS=${mark}`)
      running.add(process)
      void process.exitCode.then(() => running.delete(process))
      return process
    },
    killAll,
    async remove() {
      removed = true
      await killAll()
      await removeFolder(scratch)
      await removeFolder(folder)
    },
  }
}

async function makeFolders(folders: readonly string[]): Promise<void> {
  try {
    for (const folder of folders) await mkdir(folder, { mode: 0o700 })
  } catch (error) {
    throw gone('its folders could not be made', error)
  }
}

/** Limits are set by a shell that then becomes the program; dash takes one option at a time. */
const WITH_LIMITS = `ulimit -c 0; ulimit -n ${MAX_OPEN_FILES} 2>/dev/null; exec "$@"`

function startProcess(
  argv: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
  mark: string,
): SandboxProcess {
  const child = spawn('sh', ['-c', WITH_LIMITS, 'sh', ...argv], { cwd, env, detached: true, stdio: 'pipe' })
  const { promise: exitCode, resolve } = Promise.withResolvers<number>()
  child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
  // Only a spawn that failed comes here (no sh in PATH, no workspace); streams that never opened just end.
  child.once('error', () => resolve(NOT_FOUND_EXIT_CODE))
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exitCode,
    async kill() {
      // Its own session: the group has the child's pid, and lives on while any of its processes does.
      if (child.pid !== undefined) killQuietly(-child.pid)
      await killStragglers({ mark })
      await exitCode
    },
  }
}

function gone(what: string, cause?: unknown): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-gone',
    message: `The process sandbox cannot be used: ${what}.`,
    cause,
  })
}
