import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { z } from 'zod'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const COMPOSE_FILE = join(root, 'docker-compose.yml')
const composeSchema = z.object({ services: z.object({ worker: z.object({ command: z.array(z.string()) }) }) })

/** The options of Node that compose starts the worker with: what is measured should run as what is used. */
export async function composedNodeOptions(): Promise<readonly string[]> {
  const { services } = composeSchema.parse(parse(await readFile(COMPOSE_FILE, 'utf8'), { merge: true }))
  return services.worker.command.filter((word) => word.startsWith('--'))
}

/** What the composed worker's environment says beside its settings; the cache is the image's, warm after one start. */
export function composedEnvironment(compileCache: string): Readonly<Record<string, string>> {
  return { LOG_LEVEL: 'info', NODE_COMPILE_CACHE: compileCache }
}

/** Compiles the worker's code into a cache, as the image's build does (images/devbot/Dockerfile). */
export async function warmCompileCache(folder: string): Promise<void> {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, NODE_COMPILE_CACHE: folder, OPS_PORT: 'none' }
  const run = (cwd: string, args: readonly string[]) =>
    new Promise<void>((resolve) => {
      // A bad setting ends the worker right after it was loaded: that is what is wanted.
      execFile(process.execPath, args, { cwd, env }, () => resolve())
    })
  const options = await composedNodeOptions()
  await run(root, [...options, 'services/worker/src/main.ts'])
  const importDocker = ['--input-type=module', '--eval', "await import('dockerode')"]
  await run(join(root, 'packages/sandbox'), [...options, ...importDocker])
}
