import { spawn } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianMirror, readAptSources } from './apt-sources.mjs'
import { aptEnvironment, makeDebianTree } from './debian-image.mjs'
import { BASE_IMAGES } from './image-names.mjs'
import { SetupProblem } from './problem.mjs'
import { findProgram, root, runOrThrow, runQuietly } from './run.mjs'
import { OVER_THE_NETWORK } from './stages.mjs'
import { installPackages, mayInstall } from './system-programs.mjs'
import { NODE_VERSION, nodePackageFor } from './toolchain.mjs'

/** npm of the stand-in for the Node image. */
const NPM_VERSION = '11.21.2'
/** A registry that is there has named the first layer by then. */
const FIRST_ANSWER_MS = 20_000
/** For all layers, on a slow line. */
const PULL_TIMEOUT_MS = 10 * 60_000
/** Marks an image that was made here, not pulled. */
const STAND_IN_LABEL = 'dev.devbot.stand-in=true'

/**
 * Makes sure that base images are there: local ones are used as they are, others are pulled, and where no registry
 * answers stand-ins of the same name are built from Debian packages and the npm registry.
 * @param {object} options
 * @param {('debian' | 'node' | 'redis')[]} options.wanted
 * @param {ReturnType<typeof import('./stages.mjs').createStages>} options.stages
 * @param {NodeJS.ProcessEnv} options.env for the Docker client
 * @param {typeof BASE_IMAGES} [options.names] other tags, for tests
 */
export async function ensureBaseImages({ wanted, stages, env, names = BASE_IMAGES }) {
  const missing = await missingOf(wanted, names, env)
  if (missing.length === 0) return
  const [first, ...others] = missing
  const problem = await stages.stage('pull', `pulling ${names[first]}`, () => pull(names[first], env))
  if (problem === undefined) {
    await Promise.all(
      others.map((name) => stages.stage('pull', `pulling ${names[name]}`, () => pullOrThrow(names[name], env))),
    )
    return
  }
  stages.note(`no image can be pulled here (${problem}): building stand-ins from Debian and npm packages instead`)
  await buildStandIns({ missing, stages, env, names })
}

async function missingOf(wanted, names, env) {
  const looks = await Promise.all(wanted.map((name) => isLocal(names[name], env)))
  return wanted.filter((_, index) => !looks[index])
}

async function isLocal(image, env) {
  return (await runQuietly('docker', ['image', 'inspect', '--format', '{{.Id}}', image], { env })).code === 0
}

/** Gives the last line of what went wrong, or undefined. Gives up soon when nothing at all is answered. */
async function pull(image, env) {
  const givenUp = new AbortController()
  let timer = setTimeout(() => givenUp.abort(), FIRST_ANSWER_MS)
  const onOutput = () => {
    clearTimeout(timer)
    timer = setTimeout(() => givenUp.abort(), PULL_TIMEOUT_MS)
  }
  const { code, output } = await runQuietly('docker', ['pull', image], { env, onOutput, signal: givenUp.signal })
  clearTimeout(timer)
  if (code === 0) return undefined
  return givenUp.signal.aborted
    ? 'the registry does not answer'
    : (output.trim().split('\n').at(-1) ?? '').slice(0, 300)
}

async function pullOrThrow(image, env) {
  const problem = await pull(image, env)
  if (problem !== undefined) throw new SetupProblem(`${image} could not be pulled: ${problem}`)
}

async function buildStandIns({ missing, stages, env, names }) {
  const folder = workFolder()
  try {
    const needsDebian = !(await isLocal(names.debian, env))
    const nodeContext = missing.includes('node')
      ? stages.stage(
          'node package',
          'fetching Node and npm from the npm registry',
          () => fetchNode(join(folder, 'node')),
          OVER_THE_NETWORK,
        )
      : undefined
    // Its failure is seen below, where it is waited for.
    nodeContext?.catch(() => undefined)
    if (needsDebian)
      await stages.stage(
        'debian image',
        `building ${names.debian} (half a minute)`,
        () => buildDebian(mkdtempSync(join(folder, 'debian-')), names, env),
        OVER_THE_NETWORK,
      )
    const buildEnv = { ...(await aptEnvironment()), ...env, DOCKER_BUILDKIT: '1' }
    const builds = missing
      .filter((name) => name !== 'debian')
      .map((name) =>
        stages.stage(
          `${name} image`,
          `building ${names[name]}`,
          async () =>
            buildOn({ name, names, env: buildEnv, context: name === 'node' ? await nodeContext : emptyFolder(folder) }),
          OVER_THE_NETWORK,
        ),
      )
    const failed = (await Promise.allSettled(builds)).find(({ status }) => status === 'rejected')
    if (failed !== undefined) throw failed.reason
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A folder of this process; what killed ones left goes away. */
function workFolder() {
  const parent = join(root, '.devbot', 'docker', 'base')
  mkdirSync(parent, { recursive: true })
  for (const name of readdirSync(parent)) {
    if (!isRunning(Number(name.split('-')[0]))) rmSync(join(parent, name), { recursive: true, force: true })
  }
  return mkdtempSync(join(parent, `${process.pid}-`))
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // Somebody else's process is a running one.
    return error.code === 'EPERM'
  }
}

function emptyFolder(folder) {
  return mkdtempSync(join(folder, 'empty-'))
}

async function buildDebian(folder, names, env) {
  const mirror = debianMirror(readAptSources())
  if (mirror === undefined)
    throw new SetupProblem(`${names.debian} is missing, and this machine has no mirror of Debian to build it from`)
  if (process.getuid?.() !== 0)
    throw new SetupProblem(`${names.debian} is missing, and only root can build it (debootstrap)`)
  if (findProgram('debootstrap') === undefined) {
    if (!(await mayInstall('Base images have to be built here. Install debootstrap with apt-get?')))
      throw new SetupProblem(`${names.debian} is missing, and building it takes debootstrap`)
    await installPackages(['debootstrap'])
  }
  const tree = join(folder, 'debian')
  await makeDebianTree({ folder: tree, mirror })
  const changes = [
    `LABEL ${STAND_IN_LABEL}`,
    'CMD ["bash"]',
    'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ]
  const tar = spawn('tar', ['-C', tree, '--numeric-owner', '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const packed = new Promise((resolve) => tar.once('close', resolve))
  const args = ['import', ...changes.flatMap((change) => ['--change', change]), '-', `${names.debian}-unfinished`]
  await runOrThrow(`import ${names.debian}`, 'docker', args, { env, input: tar.stdout })
  if ((await packed) !== 0) throw new SetupProblem(`could not pack the tree of ${names.debian}`)
  // The name is given last: an import that was cut off is never taken for the image.
  await runOrThrow(`name ${names.debian}`, 'docker', ['tag', `${names.debian}-unfinished`, names.debian], { env })
  await runOrThrow('tidy up', 'docker', ['rmi', '--no-prune', `${names.debian}-unfinished`], { env })
}

/** Node's binary and npm, as the npm registry has them. */
async function fetchNode(folder) {
  const nodePackage = nodePackageFor('linux', process.arch)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const wanted = [`${nodePackage}@${NODE_VERSION}`, `npm@${NPM_VERSION}`]
  const args = [
    'install',
    '--prefix',
    folder,
    '--no-audit',
    '--no-fund',
    '--no-save',
    '--ignore-scripts',
    '--loglevel=error',
  ]
  await runOrThrow(`fetch ${wanted.join(' and ')} from the npm registry`, 'npm', [...args, ...wanted])
  const context = join(folder, 'context')
  mkdirSync(context, { recursive: true })
  copyFileSync(join(folder, 'node_modules', nodePackage, 'bin', 'node'), join(context, 'node'))
  chmodSync(join(context, 'node'), 0o755)
  cpSync(join(folder, 'node_modules', 'npm'), join(context, 'npm'), { recursive: true })
  return context
}

async function buildOn({ name, names, env, context }) {
  const args = ['build', '--label', STAND_IN_LABEL, '--build-arg', `DEBIAN=${names.debian}`, '--tag', names[name]]
  const proxies = ['http_proxy', 'https_proxy', 'no_proxy'].flatMap((variable) => ['--build-arg', variable])
  const file = join(root, 'setup', 'stand-ins', `${name}.Dockerfile`)
  await runOrThrow(`build ${names[name]}`, 'docker', [...args, ...proxies, '--file', file, context], { env })
}
