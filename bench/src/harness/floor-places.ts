import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import Docker from 'dockerode'
import { pack } from 'tar-stream'
import { SANDBOX_IMAGE } from '../processes/sandbox-image.ts'
import { disposeWhenInterrupted } from '../processes/when-interrupted.ts'
import type { FloorPlace } from './floor-executors.ts'
import { SAMPLE } from './trajectory.ts'

const SAMPLE_FOLDER = fileURLToPath(SAMPLE)
const SANDBOX_USER = '65534:65534'
const GIB = 1024 ** 3
/** A container that nobody removes (the bench was killed) ends by itself, and is gone then. */
const LIFETIME_S = '600'

export type DisposablePlace = AsyncDisposable & { readonly place: FloorPlace }

/** The sample repository in a folder of its own. */
export async function hostPlace(): Promise<DisposablePlace> {
  const folder = await mkdtemp(join(tmpdir(), 'devbot-floor-'))
  const parts = disposableParts(() => rm(folder, { recursive: true, force: true }))
  await cp(SAMPLE_FOLDER, folder, { recursive: true })
  return { place: { kind: 'host', folder }, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

/** The sample repository in a container that is as closed as DevBot's: what one would write by hand. */
export async function containerPlace(
  kind: 'persistent' | 'exec-per-call',
  socketPath: string,
): Promise<DisposablePlace> {
  const container = await new Docker({ socketPath }).createContainer({
    Image: SANDBOX_IMAGE,
    Entrypoint: [],
    Cmd: ['sleep', LIFETIME_S],
    User: SANDBOX_USER,
    WorkingDir: '/work',
    Env: ['HOME=/tmp', 'LANG=C.UTF-8'],
    HostConfig: {
      Init: true,
      AutoRemove: true,
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: 512,
      Memory: 2 * GIB,
      MemorySwap: 2 * GIB,
      NanoCpus: 2e9,
      Tmpfs: { '/work': 'exec,size=1g,uid=65534,gid=65534,mode=0700', '/tmp': 'exec,size=512m,mode=1777' },
    },
  })
  const parts = disposableParts(() => container.remove({ force: true, v: true }))
  try {
    await container.start()
    await fill(container)
  } catch (error) {
    await parts.disposeAsync()
    throw error
  }
  return { place: { kind, container: container.id, socketPath }, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

function disposableParts(dispose: () => Promise<void>): AsyncDisposableStack {
  const parts = new AsyncDisposableStack()
  disposeWhenInterrupted(parts)
  parts.defer(dispose)
  return parts
}

async function fill(container: Docker.Container): Promise<void> {
  const tar = pack()
  for (const entry of await readdir(SAMPLE_FOLDER, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    tar.entry({ name: file.slice(SAMPLE_FOLDER.length), mode: 0o644 }, await readFile(file))
  }
  tar.finalize()
  const exec = await container.exec({
    Cmd: ['tar', '-xf', '-'],
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
  })
  const stream = await exec.start({ hijack: true, stdin: true })
  for await (const chunk of tar) stream.write(chunk)
  stream.end()
  stream.resume()
  await finished(stream, { writable: false })
  const { ExitCode } = await exec.inspect()
  if (ExitCode !== 0)
    throw new Error(`the sample repository could not be unpacked in a container: tar ended with ${ExitCode}`)
}
