import { ensureBaseImages } from './base-images.mjs'
import { ensureEngine } from './docker-engine.mjs'
import { ensureDevBotImages } from './docker-images.mjs'
import { ensurePlugins } from './docker-plugins.mjs'
import { Interrupted, SetupProblem } from './problem.mjs'
import { findProgram, runQuietly } from './run.mjs'

/**
 * Everything that sandboxes in containers need: an engine, the client's plugins, base images, DevBot's images. Never
 * throws for what this machine cannot do: it then says why, and the process driver is used instead.
 * @param {object} options
 * @param {ReturnType<typeof import('./stages.mjs').createStages>} options.stages
 * @param {('debian' | 'node' | 'redis')[]} options.baseImages
 * @param {boolean} options.compose whether `docker compose` is needed as well
 * @returns {Promise<{ env: NodeJS.ProcessEnv, problem?: string, release: () => Promise<void> }>} variables for what runs
 *   next; `release` has to be called when that has ended
 */
export async function prepareDocker({ stages, baseImages, compose }) {
  if (process.env.DEVBOT_SANDBOX === 'process') return withoutDocker('DEVBOT_SANDBOX=process')
  const engine = await ensureEngine(stages)
  if ('problem' in engine) return withoutDocker(engine.problem)
  try {
    const env = { DOCKER_HOST: `unix://${engine.socket}`, DOCKER_SOCKET: engine.socket }
    if (findProgram('docker') === undefined) return withoutDocker('there is no Docker client', engine.release)
    const plugins = await ensurePlugins(stages, await pluginsNeeded(compose))
    if ('problem' in plugins) return withoutDocker(plugins.problem, engine.release)
    const clientEnv = { ...process.env, ...env, ...plugins.env }
    await ensureBaseImages({ wanted: baseImages, stages, env: clientEnv })
    await ensureDevBotImages({ stages, env: clientEnv })
    // Our tests stop what they start, and its watchdog's image may not be to be had.
    const forTests = { TESTCONTAINERS_RYUK_DISABLED: 'true' }
    return { env: { ...env, ...plugins.env, ...forTests, DEVBOT_SANDBOX: 'docker' }, release: engine.release }
  } catch (error) {
    if (error instanceof SetupProblem && !(error instanceof Interrupted))
      return withoutDocker(error.message, engine.release)
    await engine.release()
    throw error
  }
}

/** Clients up to version 20 build without a plugin. */
async function pluginsNeeded(compose) {
  const { stdout } = await runQuietly('docker', ['version', '--format', '{{.Client.Version}}'])
  const needsBuildx = compose || Number(stdout.split('.')[0]) > 20
  return [...(compose ? ['docker-compose'] : []), ...(needsBuildx ? ['docker-buildx'] : [])]
}

function withoutDocker(problem, release = async () => undefined) {
  return { env: { DEVBOT_SANDBOX: 'process' }, problem, release }
}
