import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createDockerClient } from '../docker/docker-client.ts'

const run = promisify(execFile)

/** Changes with the recipes below: what was built by others is not used. */
const RECIPE = 'r1'
/** An image that minds its own start: a sandbox must not run it. */
const ENTRYPOINT = 'ENTRYPOINT ["/bin/false"]'

export type TestImage = 'debian' | 'alpine-like' | 'bare' | PackagedImage
/** What people have images of: languages for sandboxes, servers for side services. */
export type PackagedImage = keyof typeof PACKAGED

/** Whether a Docker engine answers there. */
export async function engineAnswers(dockerHost: string): Promise<boolean> {
  try {
    await createDockerClient(dockerHost).connect()
    return true
  } catch {
    return false // that is the answer
  }
}

/**
 * The name of an image to test with, built unless the engine has it: Debian (from the base image that all of DevBot's are
 * made from), busybox with all its links as Alpine has it, nothing but `sh` and `busybox`, or Debian with a few packages.
 * Needs the docker client and, but for the first one, Debian's packages.
 */
export async function ensureTestImage(dockerHost: string, image: TestImage): Promise<string> {
  const name = `devbot-test-${image}:${RECIPE}`
  if ((await createDockerClient(dockerHost).inspectImage(name)) === undefined) {
    if (image === 'debian') await buildFrom(dockerHost, name, DEBIAN)
    else if (image === 'alpine-like' || image === 'bare') await importBusybox(dockerHost, name, image)
    else await buildFrom(dockerHost, name, packaged(PACKAGED[image]))
  }
  return name
}

/** An image of few bytes on top of the Debian one, for one test. The caller removes it. */
export async function buildTestImage(dockerHost: string, name: string, lines: readonly string[]): Promise<void> {
  const base = await ensureTestImage(dockerHost, 'debian')
  await buildFrom(dockerHost, name, [`FROM ${base}`, ...lines])
}

export async function removeTestImage(dockerHost: string, name: string): Promise<void> {
  await run('docker', ['-H', dockerHost, 'image', 'rm', '--force', name])
}

/** Serves as an anchor too, which is why it has the folder that a volume takes its owner from. */
const DEBIAN = ['FROM node:26-bookworm-slim', 'RUN mkdir /sandbox && chown 65534:65534 /sandbox', ENTRYPOINT]

/** Seconds of building on two cores behind each; the servers have the volumes of the images that people use. */
const PACKAGED = {
  /** 4; for anchors with a way out. */
  socat: { packages: 'socat', lines: [] },
  /** 6 */
  python: { packages: 'python3-pytest python3-psycopg2 python3-redis', lines: [] },
  /** 23 */
  go: { packages: 'golang-go', lines: [] },
  /** 16 */
  postgres: {
    packages: 'postgresql-15',
    lines: ['VOLUME /var/lib/postgresql/data', 'ENV PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin'],
  },
  /** 4 */
  redis: { packages: 'redis-server', lines: ['VOLUME /data', 'WORKDIR /data', 'CMD ["redis-server"]'] },
} as const

/** Unpacked, not installed: that takes a third of the time, and nothing here needs what the packages' scripts do. */
function packaged({ packages, lines }: { readonly packages: string; readonly lines: readonly string[] }) {
  return [
    'FROM debian:bookworm-slim',
    [
      'RUN rm -f /etc/apt/apt.conf.d/docker-clean && apt-get update -q >/dev/null',
      `apt-get install -y -q --no-install-recommends --download-only ${packages} >/dev/null`,
      'for package in /var/cache/apt/archives/*.deb; do dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C / || exit 1; done',
      'ldconfig && rm -rf /var/lib/apt/lists/* /var/cache/apt /usr/share/doc /usr/share/man /usr/share/locale',
    ].join(' && '),
    ...lines,
  ]
}

async function buildFrom(dockerHost: string, name: string, dockerfile: readonly string[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'devbot-test-image-'))
  try {
    await writeFile(join(folder, 'Dockerfile'), `${dockerfile.join('\n')}\n`)
    await run('docker', ['-H', dockerHost, 'build', '--quiet', '--tag', name, folder])
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function importBusybox(dockerHost: string, name: string, image: 'alpine-like' | 'bare'): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'devbot-test-image-'))
  try {
    const root = join(folder, 'root')
    for (const made of ['bin', 'etc', 'tmp']) await mkdir(join(root, made), { recursive: true, mode: 0o755 })
    const busybox = join(root, 'bin', 'busybox')
    await run('cp', [await unpackBusybox(folder), busybox])
    for (const applet of image === 'bare' ? ['sh'] : await appletsOf(busybox)) {
      if (applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet))
    }
    await writeFile(
      join(root, 'etc', 'passwd'),
      'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n',
    )
    await writeFile(join(root, 'etc', 'group'), 'root:x:0:\nnogroup:x:65534:\n')
    const archive = join(folder, 'image.tar')
    await run('tar', ['--owner=0', '--group=0', '-C', root, '-cf', archive, '.'])
    await run('docker', ['-H', dockerHost, 'import', '--change', ENTRYPOINT, archive, name])
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Downloaded, not installed: it would take the place of the machine's own busybox. */
async function unpackBusybox(folder: string): Promise<string> {
  await run('apt-get', ['download', 'busybox-static'], { cwd: folder })
  const archive = (await readdir(folder)).find((file) => file.endsWith('.deb'))
  if (archive === undefined) throw new Error('apt-get download busybox-static gave no package')
  await run('dpkg', ['-x', join(folder, archive), join(folder, 'package')])
  return join(folder, 'package', 'bin', 'busybox')
}

async function appletsOf(busybox: string): Promise<readonly string[]> {
  const { stdout } = await run(busybox, ['--list'])
  return stdout.split('\n').filter((applet) => applet !== '')
}
