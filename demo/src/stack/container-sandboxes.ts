import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Engine, EngineThing } from './engine.ts'
import { type ServiceProcess, startService } from './service-process.ts'

/** The parts between worker and engine, as processes of this machine, and what the worker is told of them. */
export type ContainerSandboxes = {
  readonly env: Readonly<Record<string, string>>
  readonly services: readonly ServiceProcess[]
  readonly logFiles: readonly string[]
  /** Stops them in order and removes their volume. */
  readonly stop: () => Promise<void>
}

const SHARED_SETTINGS = /^(SANDBOX_|SERVICE_|GATE_|IMAGES_ALLOWED$|EGRESS_FROM_POLICY$|LOG_LEVEL$|OPS_PORT$)/

/**
 * Starts docker-gate and, where sandboxes have a way out, the egress-proxy. `env` is the stack's:
 * gate and worker have to agree on the sandbox settings in it.
 */
export async function startContainerSandboxes(options: {
  readonly engine: Engine
  readonly instance: string
  readonly directory: string
  readonly logDirectory: string
  readonly env: Readonly<Record<string, string>>
  /** What EGRESS_ALLOW holds; absent: no proxy, nothing leads out. */
  readonly egressAllow: readonly string[] | undefined
}): Promise<ContainerSandboxes> {
  const { engine, instance, directory } = options
  // Neither of the two has a use for a token or a key.
  const common = Object.fromEntries(Object.entries(options.env).filter(([name]) => SHARED_SETTINGS.test(name)))
  const parts = new AsyncDisposableStack()
  const services: ServiceProcess[] = []
  const logFiles: string[] = []
  const start = async (name: string, env: Readonly<Record<string, string>>) => {
    const logFile = join(options.logDirectory, `${name}.log`)
    logFiles.push(logFile)
    const service = await startService({ name, env, logFile })
    services.push(service)
    parts.defer(async () => {
      await service.stop()
    })
  }
  try {
    const egressEnv = options.egressAllow === undefined ? {} : await prepareEgress(engine, instance, directory, parts)
    if (options.egressAllow !== undefined)
      await start('egress-proxy', { ...common, ...egressEnv, EGRESS_ALLOW: options.egressAllow.join(',') })
    const gateSocket = join(directory, 'docker-gate.sock')
    await start('docker-gate', {
      ...common,
      ...egressEnv,
      DEVBOT_INSTANCE: instance,
      DOCKER_SOCKET: engine.socketPath,
      GATE_SOCKET: gateSocket,
    })
    return {
      env: { ...egressEnv, SANDBOX_DRIVER: 'docker', DOCKER_HOST: `unix://${gateSocket}`, SANDBOX_PULL: 'never' },
      services,
      logFiles,
      stop: () => parts.disposeAsync(),
    }
  } catch (error) {
    await parts.disposeAsync()
    throw error
  }
}

/** A folder of sockets that anchors see as a volume, and one for the proxy's control socket that they do not. */
async function prepareEgress(engine: Engine, instance: string, directory: string, parts: AsyncDisposableStack) {
  const [sockets, control] = [join(directory, 'egress'), join(directory, 'egress-control')]
  await mkdir(sockets)
  await mkdir(control, { mode: 0o700 })
  // Anchors run as a user of their own and only connect.
  await chmod(sockets, 0o755)
  const volume = `devbot-${instance}-egress`
  await engine.createFolderVolume(volume, sockets)
  parts.defer(() => engine.removeVolume(volume))
  return {
    EGRESS_VOLUME: volume,
    EGRESS_SOCKET_FOLDER: sockets,
    EGRESS_CONTROL_SOCKET: join(control, 'control.sock'),
  }
}

/** Removes everything the instance still has on the engine; says what that was. */
export async function removeLeftovers(engine: Engine, instance: string): Promise<readonly EngineThing[]> {
  const left = await engine.thingsOf(instance)
  // Containers first: a volume in use cannot go.
  for (const kind of ['container', 'volume'] as const)
    for (const thing of left) if (thing.kind === kind) await engine.remove(thing)
  return left
}
