import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { z } from 'zod'

const COMPOSE_FILE = fileURLToPath(new URL('../../../docker-compose.yml', import.meta.url))
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
