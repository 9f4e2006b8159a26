import { DevBotError } from '@devbot/contracts'
import { z } from 'zod'
import { doctorSettings, readSetting } from '../../config.ts'
import { askSocket, type SocketAnswer } from './ask-socket.ts'
import { type Answer, missing } from './finding.ts'

const versionSchema = z.object({ Version: z.string(), ApiVersion: z.string() })
/** The oldest engine DevBot is tried with. */
const OLDEST_ENGINE = [20, 10] as const

/** The engine behind DOCKER_HOST (in compose: behind docker-gate), its version, and the two images. */
export async function lookAtSandbox({ isInside }: { readonly isInside: boolean }): Promise<Answer> {
  if (readSetting(doctorSettings.sandboxDriver) === 'process')
    return {
      weak: 'SANDBOX_DRIVER=process: no isolation; it works only where model and GitHub are both on this machine',
    }
  const host = readSetting(doctorSettings.dockerHost)
  if (!host.startsWith('unix://'))
    return { weak: `${host} was not looked at: doctor asks engines on this machine only` }
  const ask = (path: string) => askEngine(host.slice('unix://'.length), path, isInside)
  const version = versionSchema.parse(JSON.parse((await ask('/version')).text))
  const images = [readSetting(doctorSettings.sandboxImage), readSetting(doctorSettings.anchorImage)]
  const found = await Promise.all(images.map((image) => ask(`/images/${image}/json`)))
  const absent = images.filter((_image, index) => found[index]?.status !== 200)
  if (absent.length > 0)
    throw missing(`the engine lacks ${absent.join(' and ')}; make them: docker compose build (or ./devbot setup)`)
  const engine = `Docker ${version.Version} (API ${version.ApiVersion})${isInside ? ' behind docker-gate' : ''} has ${images.join(' and ')}`
  return isOld(version.Version) ? { weak: `${engine}; older than ${OLDEST_ENGINE.join('.')}: update it` } : engine
}

async function askEngine(socket: string, path: string, isInside: boolean): Promise<SocketAnswer> {
  try {
    return await askSocket(socket, path)
  } catch (error) {
    if (!(error instanceof DevBotError) || error.code !== 'socket-silent') throw error
    const remedy = isInside
      ? 'docker-gate is not up: docker compose logs docker-gate'
      : 'start the Docker engine, set DOCKER_HOST to its socket, or ask for the right to use it'
    throw missing(`${error.message}; ${remedy}`, error)
  }
}

function isOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  return major < OLDEST_ENGINE[0] || (major === OLDEST_ENGINE[0] && minor < OLDEST_ENGINE[1])
}
