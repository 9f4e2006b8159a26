import { DevBotError, type ErrorCode, isImageAllowed } from '@devbot/contracts'
import type { DockerClient, ImageFacts } from './docker-client.ts'
import { messageOf } from './engine-error.ts'

export type PullPolicy = 'missing' | 'always' | 'never'

/** A gigabyte over a slow line. */
const PULL_TIMEOUT_MS = 600_000

export type ImagesOptions = {
  readonly client: DockerClient
  readonly pull: PullPolicy
  /** IMAGES_ALLOWED, for what repositories choose; empty: every one. */
  readonly allowed: readonly string[]
}

/** An image, and who named it: the operator, or a repository's policy under this key. */
export type WantedImage = {
  readonly name: string
  readonly policyKey?: string
  /** A side service's volumes become memory. */
  readonly mayHaveVolumes?: boolean
}

type PullEnd = { readonly kind: 'pulled' } | { readonly kind: 'too-slow' | 'failed'; readonly error: unknown }

/** Makes sure that images are there. Pulls of one image are shared by all who wait for it. */
export function createImages({ client, pull, allowed }: ImagesOptions) {
  const pulls = new Map<string, Promise<PullEnd>>()

  /** The pull is shared, what is said of its failure is each one's own. */
  async function pullOnce(wanted: WantedImage): Promise<void> {
    const { name } = wanted
    const shared = pulls.get(name) ?? pullInTime(name).finally(() => pulls.delete(name))
    pulls.set(name, shared)
    const ended = await shared
    if (ended.kind === 'too-slow') throw tooSlow(wanted, ended.error)
    if (ended.kind === 'failed') throw notPulled(wanted, ended.error)
  }

  async function pullInTime(name: string): Promise<PullEnd> {
    const deadline = AbortSignal.timeout(PULL_TIMEOUT_MS)
    try {
      await client.pullImage(name, deadline)
      return { kind: 'pulled' }
    } catch (error) {
      return { kind: deadline.aborted ? 'too-slow' : 'failed', error }
    }
  }

  return {
    /**
     * The image's facts. Throws DevBotError `sandbox`: `image-not-allowed`, `image-missing`, `image-pull-refused`,
     * `image-pull-too-slow`, `image-has-volumes`.
     */
    async ensure(wanted: WantedImage): Promise<ImageFacts> {
      const { name } = wanted
      if (wanted.policyKey !== undefined && !isImageAllowed(name, allowed)) throw notAllowed(wanted)
      let image = pull === 'always' ? undefined : await client.inspectImage(name)
      if (image === undefined && pull !== 'never') {
        await pullOnce(wanted)
        image = await client.inspectImage(name)
      }
      if (image === undefined) throw missing(wanted)
      if (wanted.mayHaveVolumes !== true) assertNoVolumes(wanted, image)
      return image
    },
  }
}

/** Who can do what about it, by who named the image. */
function whatToDo({ policyKey }: WantedImage): string {
  return policyKey === undefined
    ? "`docker compose build` makes DevBot's own images; for another one set SANDBOX_IMAGE to a name that the engine knows or can pull, and SANDBOX_PULL=missing to let it."
    : `\`${policyKey}\` in the repository's .devbot.yml names it. Build or pull it on the engine's machine, or name one there that the engine can pull, and set SANDBOX_PULL=missing to let it.`
}

function missing(wanted: WantedImage): DevBotError {
  return imageError('image-missing', `The Docker engine has no image ${wanted.name}. ${whatToDo(wanted)}`)
}

function notPulled(wanted: WantedImage, error: unknown): unknown {
  // An engine that is away says nothing about the image.
  if (error instanceof DevBotError && error.code === 'engine-unreachable') return error
  const what = `The image ${wanted.name} is not on the engine and could not be pulled.`
  return imageError('image-pull-refused', `${what} ${whatToDo(wanted)} (${messageOf(error)})`, error)
}

function tooSlow(wanted: WantedImage, cause: unknown): DevBotError {
  const what = `Pulling the image ${wanted.name} took longer than ${PULL_TIMEOUT_MS / 60_000} minutes.`
  const where = wanted.policyKey === undefined ? 'SANDBOX_IMAGE' : `\`${wanted.policyKey}\` in .devbot.yml`
  return imageError('image-pull-too-slow', `${what} Pull it by hand, or choose a smaller one (${where}).`, cause)
}

function notAllowed({ name, policyKey }: WantedImage): DevBotError {
  const who = `\`${policyKey}\` in the repository's .devbot.yml`
  return imageError(
    'image-not-allowed',
    `The image ${name} that ${who} names is not one of IMAGES_ALLOWED. Whoever runs DevBot can add it there (for worker and docker-gate), or the repository names another one.`,
  )
}

/** The engine would make a volume for each: a place without a limit that untrusted code can fill. */
function assertNoVolumes({ name, policyKey }: WantedImage, { volumes }: ImageFacts): void {
  if (volumes.length === 0) return
  const where = policyKey === undefined ? 'in SANDBOX_IMAGE' : `as \`${policyKey}\` in .devbot.yml`
  throw imageError(
    'image-has-volumes',
    `The image ${name} declares volumes (${volumes.join(', ').slice(0, 300)}), where a sandbox could write without a limit. Build one without VOLUME, and name it ${where}.`,
  )
}

function imageError(code: ErrorCode, message: string, cause?: unknown): DevBotError {
  return new DevBotError({ category: 'sandbox', code, message, ...(cause !== undefined && { cause }) })
}
