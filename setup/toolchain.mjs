import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { SetupProblem } from './problem.mjs'
import { root, runQuietly } from './run.mjs'

/** Versions DevBot is developed and tested with. Node's is the newest whose binary the npm registry carries. */
export const NODE_VERSION = '26.10.0'
const PNPM_VERSION = '12.21.0'
/** The oldest Node that runs TypeScript as it is and has all that the libraries need. */
const OLDEST_NODE_MAJOR = 24

const toolsFolder = join(root, '.devbot', 'tools')

/**
 * Node, pnpm and the workspace's packages, installed below `.devbot/` and `node_modules/` where they are missing.
 * @param {ReturnType<typeof import('./stages.mjs').createStages>} stages
 * @returns {Promise<{ node: string, pnpm: string[], env: NodeJS.ProcessEnv }>}
 */
export async function ensureToolchain(stages) {
  const nodePackage = nodeIsRecentEnough() ? undefined : nodePackageFor(process.platform, process.arch)
  const node =
    nodePackage === undefined ? process.execPath : join(toolsFolder, 'node_modules', nodePackage, 'bin', 'node')
  const pnpm = join(toolsFolder, 'node_modules', 'pnpm', 'bin', 'pnpm.mjs')
  const env = {
    ...process.env,
    PATH: [dirname(node), join(toolsFolder, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
    // What was compiled once: a service then starts with two thirds of the processor time (1.0 instead of 1.4 s).
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, '.devbot', 'compile-cache'),
  }
  await ensureTools(stages, nodePackage)
  await ensureWorkspace(stages, node, pnpm, env)
  return { node, pnpm: [node, pnpm], env }
}

function nodeIsRecentEnough() {
  return Number(process.versions.node.split('.')[0]) >= OLDEST_NODE_MAJOR
}

/** The npm package that holds Node's binary. */
export function nodePackageFor(platform, arch) {
  return `node-${platform === 'win32' ? 'win' : platform}-${arch}`
}

async function ensureTools(stages, nodePackage) {
  const wanted = [`pnpm@${PNPM_VERSION}`, ...(nodePackage === undefined ? [] : [`${nodePackage}@${NODE_VERSION}`])]
  if (stampMatches(join(toolsFolder, 'installed'), wanted.join(' '))) return
  mkdirSync(toolsFolder, { recursive: true })
  writeFileSync(join(toolsFolder, 'package.json'), '{ "private": true }\n')
  const args = [
    'install',
    '--prefix',
    toolsFolder,
    '--no-audit',
    '--no-fund',
    '--no-save',
    '--loglevel=error',
    ...wanted,
  ]
  const { code, output } = await stages.stage('tools', `installing ${wanted.join(' and ')} into .devbot/`, () =>
    runQuietly('npm', args),
  )
  if (code !== 0) {
    throw new SetupProblem(
      `${wanted.join(' and ')} could not be installed from the npm registry. Check that npm works here (npm ping)${nodePackage === undefined ? '' : `, or install Node ${OLDEST_NODE_MAJOR} or newer yourself`}.\n${output}`,
    )
  }
  writeFileSync(join(toolsFolder, 'installed'), wanted.join(' '))
}

async function ensureWorkspace(stages, node, pnpm, env) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .digest('hex')
  const stamp = join(root, 'node_modules', '.devbot-installed')
  if (stampMatches(stamp, lock)) return
  const args = [pnpm, 'install', '--frozen-lockfile', '--prefer-offline']
  const { code, output } = await stages.stage('workspace', 'installing the packages of the lock file', () =>
    runQuietly(node, args, { env: { ...env, CI: 'true' } }),
  )
  if (code !== 0) throw new SetupProblem(`the packages of pnpm-lock.yaml could not be installed:\n${output}`)
  writeFileSync(stamp, lock)
}

function stampMatches(path, text) {
  return existsSync(path) && readFileSync(path, 'utf8') === text
}
