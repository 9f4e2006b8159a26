import { DEVBOT_IMAGES } from './devbot-images.ts'
import { type Engine, findEngine } from './engine.ts'

/** Where a stack's sandboxes are: containers of an engine, or processes of this machine with the reason why. */
export type SandboxPlace =
  | { readonly driver: 'docker'; readonly engine: Engine }
  | { readonly driver: 'process'; readonly reason: string }

const SOCKET = '/var/run/docker.sock'

/**
 * Containers where an engine answers and DevBot's images are there, else processes. `DEVBOT_SANDBOX=process` forces
 * processes; when `docker` is asked for, by the variable or by the caller, its absence is an error that says what is missing.
 */
export async function findSandboxPlace(wanted?: 'docker' | 'process'): Promise<SandboxPlace> {
  const said = wanted ?? wordOf(process.env.DEVBOT_SANDBOX)
  if (said === 'process') return { driver: 'process', reason: 'DEVBOT_SANDBOX is process' }
  const found = await lookForDocker()
  if ('engine' in found) return { driver: 'docker', engine: found.engine }
  if (said === 'docker') throw new Error(`sandboxes in Docker were asked for, but ${found.missing}`)
  return { driver: 'process', reason: found.missing }
}

/** Whether a stack can have containers, for tests that need them. */
export async function canUseDocker(): Promise<boolean> {
  return process.env.DEVBOT_SANDBOX !== 'process' && 'engine' in (await lookForDocker())
}

async function lookForDocker(): Promise<{ readonly engine: Engine } | { readonly missing: string }> {
  const socketPath = process.env.DOCKER_SOCKET ?? unixPathOf(process.env.DOCKER_HOST) ?? SOCKET
  const engine = await findEngine(socketPath)
  if (engine === undefined) return { missing: `no Docker engine answers at ${socketPath}` }
  for (const image of Object.values(DEVBOT_IMAGES)) {
    if (!(await engine.hasImage(image))) return { missing: `the image ${image} is not there (npm run demo builds it)` }
  }
  return { engine }
}

function wordOf(text: string | undefined): 'docker' | 'process' | undefined {
  if (text === undefined || text === '') return undefined
  if (text === 'docker' || text === 'process') return text
  throw new Error(`DEVBOT_SANDBOX: expected docker or process, got ${JSON.stringify(text.slice(0, 40))}`)
}

function unixPathOf(dockerHost: string | undefined): string | undefined {
  return dockerHost?.startsWith('unix://') ? dockerHost.slice('unix://'.length) : undefined
}
