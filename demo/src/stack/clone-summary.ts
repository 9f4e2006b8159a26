import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { REPOSITORY, type Stack } from './start-stack.ts'

const run = promisify(execFile)

/** Clones the repository as the reviewer would, and shows its branches and their newest commits. */
export async function cloneSummary(stack: Stack): Promise<string> {
  return withClone(stack, async (git) => {
    const log = await git('log', '--graph', '--oneline', '--decorate', '--all', '-8')
    const branch = (await git('branch', '--remotes', '--list', 'origin/agent/*', '--format', '%(refname:short)')).trim()
    const stat = await git('diff', '--stat', `origin/HEAD...${branch}`)
    return `${log}\n${stat}`
  })
}

/** Runs `work` with git in a fresh mirror of all branches; the token travels in the process' environment only. */
export async function withClone<T>(
  stack: Stack,
  work: (git: (...args: string[]) => Promise<string>, folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'devbot-clone-'))
  const header = `Authorization: Basic ${Buffer.from(`reviewer:${stack.tokens.reviewer}`).toString('base64')}`
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'http.extraHeader',
    GIT_CONFIG_VALUE_0: header,
  }
  const git = async (...args: string[]) =>
    (await run('git', ['-C', folder, ...args], { env, maxBuffer: 64 * 1024 ** 2 })).stdout
  try {
    const [owner = '', name = ''] = REPOSITORY.split('/')
    await git('clone', '--quiet', stack.github.gitUrl(owner, name), 'clone')
    const inClone = (...args: string[]) => git('-C', 'clone', ...args)
    return await work(inClone, join(folder, 'clone'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
