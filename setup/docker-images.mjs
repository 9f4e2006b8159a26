import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { aptEnvironment } from './debian-image.mjs'
import { BASE_IMAGES, DEVBOT_IMAGES } from './image-names.mjs'
import { root, runOrThrow, runQuietly } from './run.mjs'
import { OVER_THE_NETWORK } from './stages.mjs'

/**
 * Builds DevBot's images. Whether one is up to date is the builder's to say: without a change that takes a second.
 * @param {object} options
 * @param {ReturnType<typeof import('./stages.mjs').createStages>} options.stages
 * @param {NodeJS.ProcessEnv} options.env for the Docker client
 */
export async function ensureDevBotImages({ stages, env, baseImages = BASE_IMAGES, images = DEVBOT_IMAGES }) {
  const args = [...(await registryArguments()), ...proxyArguments()]
  const buildEnv = { ...(await aptEnvironment()), ...env, DOCKER_BUILDKIT: '1' }
  const build = async ([name, { tag, dockerfile, context }]) => {
    const isThere = (await runQuietly('docker', ['image', 'inspect', '--format', '{{.Id}}', tag], { env })).code === 0
    const text = isThere
      ? `renewing ${tag} where its sources changed`
      : `building ${tag} (the first time, a minute or two)`
    const own = [
      '--build-arg',
      `NODE_IMAGE=${baseImages.node}`,
      '--tag',
      tag,
      '--file',
      join(root, dockerfile),
      join(root, context),
    ]
    await stages.stage(
      `${name} image`,
      text,
      () => runOrThrow(`build ${tag}`, 'docker', ['build', ...args, ...own], { env: buildEnv }),
      OVER_THE_NETWORK,
    )
  }
  const failed = (await Promise.allSettled(Object.entries(images).map(build))).find(
    ({ status }) => status === 'rejected',
  )
  if (failed !== undefined) throw failed.reason
}

/** The registry this machine's npm uses, where it is not npm's own default; its credentials as a secret, in no layer. */
async function registryArguments() {
  const ask = async (...options) =>
    (await runQuietly('npm', ['config', 'get', 'registry', ...options], { env: plain })).stdout.trim()
  const { npm_config_registry: fromEnvironment, ...plain } = process.env
  const [chosen, usual] = await Promise.all([
    ask(),
    ask('--userconfig=/dev/null', `--globalconfig=${join(root, '.devbot', 'no-such-npmrc')}`),
  ])
  const registry = fromEnvironment ?? chosen
  const npmrc = process.env.NPM_CONFIG_USERCONFIG ?? join(homedir(), '.npmrc')
  const hasCredentials = existsSync(npmrc) && /:_(auth|authToken|password)\s*=/.test(readFileSync(npmrc, 'utf8'))
  return [
    ...(registry === usual || usual === '' ? [] : ['--build-arg', `NPM_REGISTRY=${registry}`]),
    ...(hasCredentials ? ['--secret', `id=npmrc,src=${npmrc}`] : []),
  ]
}

/** By name only: the client reads the values from its environment, and no layer keeps them. */
function proxyArguments() {
  return ['http_proxy', 'https_proxy', 'no_proxy'].flatMap((variable) => ['--build-arg', variable])
}
