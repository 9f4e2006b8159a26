import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { SetupProblem } from './problem.mjs'
import { root, runQuietly } from './run.mjs'

/** Versions DevBot is developed and tested with. Node's is the newest whose binary the npm registry carries. */
const NODE_VERSION = '26.10.0'
const PNPM_VERSION = '12.21.0'
/** The oldest Node that runs TypeScript as it is and has all that the libraries need. */
const OLDEST_NODE_MAJOR = 24

const toolsFolder = join(root, '.devbot', 'tools')

/**
 * Node, pnpm and the workspace's packages, installed below `.devbot/` and `node_modules/` where they are missing.
 * @param {{ quiet: boolean }} options
 * @returns {Promise<{ node: string, pnpm: string[], env: NodeJS.ProcessEnv }>}
 */
export async function ensureToolchain({ quiet }) {
  const say = quiet ? () => undefined : (text) => process.stdout.write(`setup: ${text}\n`)
  const nodePackage = nodeIsRecentEnough() ? undefined : nodePackageName()
  const node =
    nodePackage === undefined ? process.execPath : join(toolsFolder, 'node_modules', nodePackage, 'bin', 'node')
  const pnpm = join(toolsFolder, 'node_modules', 'pnpm', 'bin', 'pnpm.mjs')
  const env = {
    ...process.env,
    PATH: [dirname(node), join(toolsFolder, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
  }
  await ensureTools(say, nodePackage)
  await ensureWorkspace(say, node, pnpm, env)
  return { node, pnpm: [node, pnpm], env }
}

function nodeIsRecentEnough() {
  return Number(process.versions.node.split('.')[0]) >= OLDEST_NODE_MAJOR
}

function nodePackageName() {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  return `node-${platform}-${process.arch}`
}

async function ensureTools(say, nodePackage) {
  const wanted = [`pnpm@${PNPM_VERSION}`, ...(nodePackage === undefined ? [] : [`${nodePackage}@${NODE_VERSION}`])]
  if (stampMatches(join(toolsFolder, 'installed'), wanted.join(' '))) return
  say(`installing ${wanted.join(' and ')} into .devbot/`)
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
  const { code, output } = await runQuietly('npm', args)
  if (code !== 0) {
    throw new SetupProblem(
      `${wanted.join(' and ')} could not be installed from the npm registry. Check that npm works here (npm ping)${nodePackage === undefined ? '' : `, or install Node ${OLDEST_NODE_MAJOR} or newer yourself`}.\n${output}`,
    )
  }
  writeFileSync(join(toolsFolder, 'installed'), wanted.join(' '))
}

async function ensureWorkspace(say, node, pnpm, env) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .digest('hex')
  const stamp = join(root, 'node_modules', '.devbot-installed')
  if (stampMatches(stamp, lock)) return
  say('installing the packages of the lock file')
  const { code, output } = await runQuietly(node, [pnpm, 'install', '--frozen-lockfile', '--prefer-offline'], {
    env: { ...env, CI: 'true' },
  })
  if (code !== 0) throw new SetupProblem(`the packages of pnpm-lock.yaml could not be installed:\n${output}`)
  writeFileSync(stamp, lock)
}

function stampMatches(path, text) {
  return existsSync(path) && readFileSync(path, 'utf8') === text
}
