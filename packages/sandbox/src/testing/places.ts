import type { Sandbox } from '../sandbox.ts'
import { createReusablePod } from './docker-pods.ts'
import { makeDriver, specForTests } from './make-sandbox.ts'
import { makeShellPaths } from './shell-paths.ts'
import { engineAnswers, type TestImage } from './test-images.ts'

/** Somewhere that sandboxes can be made, to run the same tests there. */
export type Place = {
  readonly name: string
  readonly isContainer: boolean
  /** A sandbox that is new, or looks it, and the folder that all it may write is in. */
  make(): Promise<{ readonly sandbox: Sandbox; readonly root: string; remove(): Promise<void> }>
  /** After the last test. */
  close(): Promise<void>
}

/** Processes of this machine, with each shell there is. */
export function processPlaces(): readonly Place[] {
  const shells = makeShellPaths()
  // They share a folder.
  let open = shells.paths.length
  return shells.paths.map(({ name, pathEnvironment }) => ({
    name,
    isContainer: false,
    async make() {
      const made = makeDriver(pathEnvironment)
      const sandbox = await made.driver.create(specForTests).catch((error: unknown) => {
        made.remove()
        throw error
      })
      const remove = async () => {
        await sandbox[Symbol.asyncDispose]()
        made.remove()
      }
      return { sandbox, root: made.root, remove }
    },
    async close() {
      open -= 1
      if (open === 0) shells.remove()
    },
  }))
}

const IMAGES: readonly TestImage[] = ['debian', 'alpine-like', 'bare']

/** Pods of each kind of image; `answers` is false where no engine does, and the tests are to be skipped by that name. */
export async function dockerPlaces(dockerHost: string): Promise<{ answers: boolean; places: readonly Place[] }> {
  const places = IMAGES.map((image): Place => {
    const pod = createReusablePod(dockerHost, image)
    return {
      name: `Docker and the ${image} image`,
      isContainer: true,
      async make() {
        const sandbox = await pod.nextSandbox()
        return { sandbox, root: '/sandbox', remove: async () => await sandbox[Symbol.asyncDispose]() }
      },
      close: () => pod.remove(),
    }
  })
  return { answers: await engineAnswers(dockerHost), places }
}
