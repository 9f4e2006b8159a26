import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { CONTAINER_LABELS } from '@devbot/contracts'
import { z } from 'zod'

/** The engine as a person with `docker` sees it: past the gate, so that what the gate shows can be held against it. */
export type Engine = {
  readonly socketPath: string
  readonly hasImage: (name: string) => Promise<boolean>
  /** Everything on the engine that carries this instance's label, stopped or running. */
  readonly thingsOf: (instance: string) => Promise<readonly EngineThing[]>
  /** `docker inspect` of a container, as it came; undefined when it is gone. */
  readonly inspect: (id: string) => Promise<unknown>
  readonly remove: (thing: EngineThing) => Promise<void>
  /** A volume that is a folder of this machine. */
  readonly createFolderVolume: (name: string, folder: string) => Promise<void>
  readonly removeVolume: (name: string) => Promise<void>
}

export type EngineThing = { readonly kind: 'container' | 'volume'; readonly id: string; readonly name: string }

const ANSWER_TIMEOUT_MS = 20_000

const containersSchema = z.array(z.object({ Id: z.string(), Names: z.array(z.string()) }))
const volumesSchema = z.object({ Volumes: z.array(z.object({ Name: z.string() })).nullable() })

/** The engine behind a Unix socket; undefined when none answers there. */
export async function findEngine(socketPath: string): Promise<Engine | undefined> {
  const ask = (method: string, path: string, body?: unknown) => callEngine(socketPath, method, path, body)
  try {
    if ((await ask('GET', '/_ping')).status !== 200) return undefined
  } catch {
    // Nobody listens there, or we may not ask: for us there is none.
    return undefined
  }
  return {
    socketPath,
    hasImage: async (name) => (await ask('GET', `/images/${encodeURIComponent(name)}/json`)).status === 200,
    thingsOf: async (instance) => {
      const filters = encodeURIComponent(JSON.stringify({ label: [`${CONTAINER_LABELS.instance}=${instance}`] }))
      const containers = containersSchema.parse(await found(ask('GET', `/containers/json?all=true&filters=${filters}`)))
      const { Volumes } = volumesSchema.parse(await found(ask('GET', `/volumes?filters=${filters}`)))
      return [
        ...containers.map(({ Id, Names }) => ({ kind: 'container' as const, id: Id, name: Names[0] ?? Id })),
        ...(Volumes ?? []).map(({ Name }) => ({ kind: 'volume' as const, id: Name, name: Name })),
      ]
    },
    inspect: async (id) => {
      const answer = await ask('GET', `/containers/${id}/json`)
      return answer.status === 404 ? undefined : parsed(answer)
    },
    remove: async ({ kind, id }) => {
      const path = kind === 'container' ? `/containers/${id}?force=true&v=true` : `/volumes/${id}`
      await gone(ask('DELETE', path))
    },
    createFolderVolume: async (name, folder) => {
      const DriverOpts = { type: 'none', o: 'bind', device: folder }
      // Not the instance's label: the worker's reaper removes what carries that and has no owner.
      const Labels = { 'dev.devbot.stack': name }
      await found(ask('POST', '/volumes/create', { Name: name, Driver: 'local', DriverOpts, Labels }))
    },
    removeVolume: (name) => gone(ask('DELETE', `/volumes/${name}`)),
  }
}

type Answer = { readonly status: number; readonly body: string }

async function found(answer: Promise<Answer>): Promise<unknown> {
  return parsed(await answer)
}

function parsed({ status, body }: Answer): unknown {
  if (status >= 300) throw new Error(`the Docker engine answered ${status}: ${body}`)
  return JSON.parse(body)
}

async function gone(answer: Promise<Answer>): Promise<void> {
  const { status, body } = await answer
  // 404: somebody else was faster. 409: its removal is under way.
  if (status >= 300 && status !== 404 && status !== 409)
    throw new Error(`the Docker engine answered ${status}: ${body}`)
}

function callEngine(socketPath: string, method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onAnswer = (response: IncomingMessage) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject)
    }
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const call = request({ socketPath, method, path, headers, timeout: ANSWER_TIMEOUT_MS }, onAnswer)
    call.on('timeout', () =>
      call.destroy(new Error(`the Docker engine did not answer in ${ANSWER_TIMEOUT_MS / 1000} s`)),
    )
    call.on('error', reject)
    call.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
