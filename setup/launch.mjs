import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { prepareDocker } from './docker.mjs'
import { SetupProblem } from './problem.mjs'
import { findProgram, handOnSignals, root, runToEnd } from './run.mjs'
import { createStages } from './stages.mjs'
import { ensureSystemPrograms } from './system-programs.mjs'
import { runTests } from './test.mjs'
import { ensureToolchain } from './toolchain.mjs'

/** What each command needs of the machine besides Node and the workspace. Everything else is the command line's. */
const COMMANDS = {
  demo: {
    programs: ['git', 'redis-server'],
    docker: { baseImages: ['node'], compose: false },
    run: (tools, args) => runToEnd(tools.node, [join('demo', 'src', 'main.ts'), ...args], { env: tools.env }),
  },
  test: {
    programs: ['git', 'redis-server', 'busybox', 'rg'],
    docker: { baseImages: ['node', 'debian', 'redis'], compose: true },
    run: (tools, args, without) => runTests(tools, args, without),
  },
  setup: {
    programs: ['git', 'redis-server'],
    docker: { baseImages: ['node'], compose: true },
    run: async () => 0,
  },
}

/**
 * Runs one command and sets the exit code. `demo`, `test` and `setup` install and start what is missing first; every
 * other command goes to the command line as it is.
 * @param {string[]} args
 */
export async function launch(args) {
  handOnSignals()
  try {
    const [name = '--help', ...rest] = args
    process.exitCode = Object.hasOwn(COMMANDS, name)
      ? await runPrepared(COMMANDS[name], rest)
      : await runCommandLine(args)
  } catch (error) {
    if (!(error instanceof SetupProblem)) throw error
    process.stderr.write(`devbot: ${error.message}\n`)
    process.exitCode = 1
  }
}

async function runCommandLine(args) {
  const tools = await ensureToolchain(
    existsSync(join(root, 'node_modules')) ? createStages(() => undefined) : createStages(),
  )
  return runToEnd(tools.node, [join('services', 'cli', 'src', 'main.ts'), ...args], {
    env: tools.env,
    cwd: process.cwd(),
  })
}

async function runPrepared(command, args) {
  const stages = createStages()
  const toolchain = ensureToolchain(stages)
  // Its failure is seen below, where it is waited for.
  toolchain.catch(() => undefined)
  // Both at once where nobody can be asked in between: one waits for the network while the other computes.
  if (process.stdin.isTTY && process.env.CI !== 'true') await toolchain
  await ensureSystemPrograms(command.programs, stages)
  const docker = await prepareDocker({ stages, ...imagesFor(command) })
  try {
    const tools = await toolchain
    if (docker.problem !== undefined) stages.note(`sandboxes are plain processes, without isolation: ${docker.problem}`)
    stages.summarise()
    return await command.run({ ...tools, env: { ...tools.env, ...docker.env } }, args, docker.problem)
  } finally {
    await docker.release()
  }
}

/** Redis comes from a container where the machine has none. */
function imagesFor({ docker: { baseImages, compose } }) {
  const hasRedis = findProgram('redis-server') !== undefined || baseImages.includes('redis')
  return { compose, baseImages: hasRedis ? baseImages : [...baseImages, 'redis'] }
}
