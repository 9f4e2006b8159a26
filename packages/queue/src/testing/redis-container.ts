import { DevBotError } from '@devbot/contracts'
import { waitUntilReady } from './redis-ready.ts'
import type { RedisSettings, RunningServer } from './start-redis.ts'

/** The image that the compose file uses, so that nothing further has to be pulled (setup/image-names.mjs). */
const IMAGE = 'redis:8.0.2-bookworm'

/** Starts Redis in a container on the same directory and port. Throws `redis-not-installed` when that is impossible. */
export async function launchContainer(settings: RedisSettings): Promise<RunningServer> {
  const container = await startContainer(settings).catch((error: unknown) => {
    throw notInstalled(error)
  })
  const end = async () => {
    // No grace time: the engine then ends it by SIGKILL, and every write that returned is synced anyway.
    await container.stop({ timeout: 0, remove: true })
  }
  try {
    await waitUntilReady({ ...settings, host: container.getHost(), processId: undefined, exited: () => false })
  } catch (error) {
    await end()
    throw error
  }
  return { host: container.getHost(), stop: end, kill: end }
}

async function startContainer({ port, directory }: RedisSettings) {
  // Imported here because it is heavy, needed by few, and not installed in production.
  const { GenericContainer, Wait } = await import('testcontainers')
  return (
    new GenericContainer(IMAGE)
      .withCommand(['redis-server', '/data/redis.conf'])
      .withExposedPorts({ container: port, host: port })
      .withBindMounts([{ source: directory, target: '/data' }])
      // Files in the directory belong to whoever runs the test, who then can remove them.
      .withUser(`${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`)
      .withWaitStrategy(Wait.forListeningPorts())
      .start()
  )
}

function notInstalled(cause: unknown): DevBotError {
  return new DevBotError({
    category: 'config',
    code: 'redis-not-installed',
    message:
      'expected a `redis-server` on PATH or a Docker engine with the image ' +
      `${IMAGE}, found neither. Install Redis (Debian/Ubuntu: apt-get install redis-server; macOS: brew install redis) ` +
      'or start Docker; where Ryuk cannot be pulled, set TESTCONTAINERS_RYUK_DISABLED=true.',
    cause,
  })
}
