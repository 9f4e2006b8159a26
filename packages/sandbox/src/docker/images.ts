import { DevBotError } from '@devbot/contracts'
import type { DockerClient, ImageFacts } from './docker-client.ts'
import { messageOf } from './engine-error.ts'

export type PullPolicy = 'missing' | 'always' | 'never'

/** A gigabyte over a slow line. */
const PULL_TIMEOUT_MS = 600_000

export type ImagesOptions = { readonly client: DockerClient; readonly pull: PullPolicy }

/** Makes sure that images are there. Pulls of one image are shared by all who wait for it. */
export function createImages({ client, pull }: ImagesOptions) {
  const pulls = new Map<string, Promise<void>>()

  function pullOnce(name: string): Promise<void> {
    const shared = pulls.get(name) ?? pullInTime(name).finally(() => pulls.delete(name))
    pulls.set(name, shared)
    return shared
  }

  async function pullInTime(name: string): Promise<void> {
    const deadline = AbortSignal.timeout(PULL_TIMEOUT_MS)
    try {
      await client.pullImage(name, deadline)
    } catch (error) {
      throw deadline.aborted ? tooSlow(name, error) : notPulled(name, error)
    }
  }

  return {
    /** The image's facts. Throws DevBotError `sandbox`: `image-missing`, `image-pull-refused`, `image-pull-too-slow`, `image-has-volumes`. */
    async ensure(name: string): Promise<ImageFacts> {
      let image = pull === 'always' ? undefined : await client.inspectImage(name)
      if (image === undefined && pull !== 'never') {
        await pullOnce(name)
        image = await client.inspectImage(name)
      }
      if (image === undefined) throw missing(name)
      assertNoVolumes(name, image)
      return image
    },
  }
}

const WHAT_TO_DO =
  "`docker compose build` makes DevBot's own images; for another one set SANDBOX_IMAGE to a name that the engine knows or can pull, and SANDBOX_PULL=missing to let it."

function missing(name: string): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'image-missing',
    message: `The Docker engine has no image ${name}. ${WHAT_TO_DO}`,
  })
}

function notPulled(name: string, error: unknown): DevBotError {
  // An engine that is away says nothing about the image.
  if (error instanceof DevBotError && error.code === 'engine-unreachable') return error
  return new DevBotError({
    category: 'sandbox',
    code: 'image-pull-refused',
    message: `The image ${name} is not on the engine and could not be pulled. ${WHAT_TO_DO} (${messageOf(error)})`,
    cause: error,
  })
}

function tooSlow(name: string, cause: unknown): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'image-pull-too-slow',
    message: `Pulling the image ${name} took longer than ${PULL_TIMEOUT_MS / 60_000} minutes. Pull it by hand, or choose a smaller one (SANDBOX_IMAGE).`,
    cause,
  })
}

/** The engine would make a volume for each: a place without a limit that untrusted code can fill. */
function assertNoVolumes(name: string, { volumes }: ImageFacts): void {
  if (volumes.length === 0) return
  throw new DevBotError({
    category: 'sandbox',
    code: 'image-has-volumes',
    message: `The image ${name} declares volumes (${volumes.join(', ').slice(0, 300)}), where a sandbox could write without a limit. Build one without VOLUME, and name it in SANDBOX_IMAGE.`,
  })
}
