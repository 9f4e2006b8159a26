import { request } from 'node:http'
import { runQuietly } from './run.mjs'

export const DEFAULT_SOCKET = '/var/run/docker.sock'

/**
 * Where the engine of this person is: DOCKER_HOST, else the Docker client's current context, else the usual socket.
 * @returns {Promise<{ path: string, chosen: boolean } | { problem: string }>} `chosen`: somebody set it, so we start no other
 */
export async function findSocket(env = process.env) {
  const host = env.DOCKER_HOST || (await contextHost()) || `unix://${DEFAULT_SOCKET}`
  if (!host.startsWith('unix://'))
    return { problem: `the Docker engine is not reached through a Unix socket (${host.split('://')[0]}://...)` }
  const path = host.slice('unix://'.length)
  return { path, chosen: path !== DEFAULT_SOCKET }
}

async function contextHost() {
  const { code, stdout } = await runQuietly('docker', ['context', 'inspect', '--format', '{{.Endpoints.docker.Host}}'])
  return code === 0 ? stdout.trim() : undefined
}

/** The engine's version, or why it does not answer. `code` is the system's error code, where it is one. */
export async function askEngine(socketPath) {
  const answer = await getJson(socketPath, '/version')
  return 'problem' in answer ? answer : { version: answer.json.Version }
}

/** Names of running containers that are neither DevBot's nor those of its tests. */
export async function runningContainersOfOthers(socketPath) {
  const answer = await getJson(socketPath, '/containers/json')
  const containers = 'problem' in answer ? [] : answer.json
  return containers
    .filter(({ Labels }) => !('dev.devbot.instance' in Labels) && !('org.testcontainers' in Labels))
    .map(({ Names }) => Names[0].slice(1))
}

/** @returns {Promise<{ json: any } | { problem: string, code?: string }>} */
function getJson(socketPath, path, timeoutMs = 5_000) {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path, timeout: timeoutMs }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => {
        if (response.statusCode === 200) resolve({ json: JSON.parse(text) })
        else resolve({ problem: `it answered with status ${response.statusCode}` })
      })
    })
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)))
    asked.on('error', (error) => resolve({ problem: error.message, code: error.code }))
    asked.end()
  })
}
