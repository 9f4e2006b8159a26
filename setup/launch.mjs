import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SetupProblem } from './problem.mjs'
import { root, runToEnd } from './run.mjs'
import { ensureSystemPrograms } from './system-programs.mjs'
import { runTests } from './test.mjs'
import { ensureToolchain } from './toolchain.mjs'

/** What each command needs of the machine besides Node and the workspace. Everything else is the command line's. */
const COMMANDS = {
  demo: {
    programs: ['git', 'redis-server'],
    run: (tools, args) => runToEnd(tools.node, [join('demo', 'src', 'main.ts'), ...args], { env: tools.env }),
  },
  test: { programs: ['git', 'redis-server', 'busybox', 'rg'], run: (tools, args) => runTests(tools, args) },
  setup: { programs: ['git', 'redis-server'], run: async () => 0 },
}

/**
 * Runs one command and sets the exit code. `demo`, `test` and `setup` install what is missing first; every other
 * command goes to the command line as it is.
 * @param {string[]} args
 */
export async function launch(args) {
  try {
    const [name = '--help', ...rest] = args
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
    const tools = await ensureToolchain({ quiet: command === undefined && existsSync(join(root, 'node_modules')) })
    if (command !== undefined) await ensureSystemPrograms(command.programs)
    process.exitCode =
      command === undefined
        ? await runToEnd(tools.node, [join('services', 'cli', 'src', 'main.ts'), ...args], {
            env: tools.env,
            cwd: process.cwd(),
          })
        : await command.run(tools, rest)
  } catch (error) {
    if (!(error instanceof SetupProblem)) throw error
    process.stderr.write(`devbot: ${error.message}\n`)
    process.exitCode = 1
  }
}
