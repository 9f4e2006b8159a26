import type { IncomingMessage } from 'node:http'
import { CONTAINER_LABELS, MAX_SIDE_SERVICES } from '@devbot/contracts'
import { z } from 'zod'
import type { GateConfig } from './config.ts'
import { checkContainerBody, mayBeChosen } from './container-body.ts'
import type { Engine, EngineReply, EngineRequest } from './engine.ts'
import { replyFrom } from './engine.ts'
import { checkAnchorOf, createOwnership } from './ownership.ts'
import { isLongExpired, type Labels, type PodPart, parsePartName, partOf } from './part-name.ts'
import { forbidden, Refusal, shown } from './refusal.ts'
import type { Call, CallKind } from './routes.ts'
import * as answers from './shown-answers.ts'
import { checkExecBody, checkExecStartBody, checkFilters, checkRepeatedQuery, checkVolumeBody } from './small-bodies.ts'
import { parseStrictJson } from './strict-json.ts'

export type Answer =
  | { readonly status: number; readonly body?: unknown }
  | { readonly progress: IncomingMessage }
  /** Bytes as they are: the log of a service. */
  | { readonly bytes: Buffer }

/** A request whose head is understood, with its body and where to say whose it turned out to be (for the log). */
export type Asked = {
  readonly call: Call
  readonly body: unknown
  readonly signal: AbortSignal
  readonly note: (labels: Labels) => void
}

export interface Answerer {
  /** Checks and answers every call but exec-start. Throws a Refusal. */
  answer(asked: Asked): Promise<Answer>
  /** Checks an exec-start and has the engine start it. Throws a Refusal. */
  startExec(asked: Asked): ReturnType<Engine['hijack']>
}

/** Processes of one container that may be there at once; the tool channel needs one, a run a handful. */
const MAX_EXECS = 128

export function createAnswerer(deps: {
  readonly engine: Engine
  readonly config: GateConfig
  readonly nowMs: () => number
}): Answerer {
  const { engine, config, nowMs } = deps
  const { instance } = config
  const ownership = createOwnership({ engine, instance, nowMs })
  const oneAtATime = createTurns()
  const operators = [config.sandboxImage, config.anchorImage]
  const isOperators = (image: string) => operators.includes(image)
  const ownLabel = `${CONTAINER_LABELS.instance}=${instance}`

  const ask = async <Schema extends z.ZodType>(request: EngineRequest, schema: Schema): Promise<Answer> => {
    const reply = await engine.ask(request)
    if (reply.status === 204 || reply.status === 304) return { status: reply.status }
    return { status: reply.status, body: schema.parse(successOf(reply)) }
  }
  /** Pods are counted by their parts; services within their pod, and so as often as there are pods. */
  const checkRoom = async ({ role, podId }: Pick<PodPart, 'role' | 'podId'>) => {
    const label = [ownLabel, `${CONTAINER_LABELS.role}=${role}`]
    if (role === 'service') label.push(`${CONTAINER_LABELS.pod}=${podId}`)
    const filters = encodeURIComponent(JSON.stringify({ label }))
    const isVolume = role === 'workspace'
    const path = isVolume ? `/volumes?filters=${filters}` : `/containers/json?all=true&filters=${filters}`
    const list = successOf(await engine.ask({ method: 'GET', path }))
    const count = isVolume ? answers.listedVolumes.parse(list).Volumes?.length : z.array(z.unknown()).parse(list).length
    if (role === 'service') {
      if ((count ?? 0) < MAX_SIDE_SERVICES) return
      throw forbidden(`a pod has ${MAX_SIDE_SERVICES} side services at most`)
    }
    if ((count ?? 0) < config.maxSandboxes) return
    throw forbidden(`${count} pods of this instance exist; GATE_MAX_SANDBOXES (${config.maxSandboxes}) allows no more`)
  }
  /** What the worker may see of a list: its own, and what it may tidy up. */
  const isListed = (name: string, labels: Labels) => {
    const part = partOf(name, labels)
    return part !== undefined && (part.instance === instance || isLongExpired(labels, nowMs()))
  }
  const filterQuery = (call: Call) => {
    const scope = checkFilters(jsonIn(call.query.get('filters')), ownLabel, CONTAINER_LABELS.instance)
    const label = scope === 'ours' ? ownLabel : CONTAINER_LABELS.instance
    return `filters=${encodeURIComponent(JSON.stringify({ label: [label] }))}`
  }

  const handlers: Record<Exclude<CallKind, 'exec-start'>, (asked: Asked) => Promise<Answer>> = {
    ping: ({ call }) => ask({ method: 'GET', path: `${call.prefix}/_ping` }, z.literal('OK')),
    version: ({ call }) => ask({ method: 'GET', path: `${call.prefix}/version` }, answers.versionAnswer),

    'image-inspect': async ({ call }) => {
      if (!isOperators(call.part) && !mayBeChosen(call.part, config)) throw notAnImage(call.part)
      return ask({ method: 'GET', path: `${call.prefix}/images/${call.part}/json` }, answers.imageAnswer)
    },
    'image-pull': async ({ call, body, signal }) => {
      if (body !== undefined) checkRepeatedQuery(body)
      const [fromImage = '', tag = ''] = [call.query.get('fromImage'), call.query.get('tag')]
      if (!operators.some((image) => isPullOf(image, fromImage, tag)) && !mayBePulled(fromImage, tag, config))
        throw notAnImage(`${fromImage} ${tag}`)
      const query = `fromImage=${encodeURIComponent(fromImage)}&tag=${encodeURIComponent(tag)}`
      const progress = await engine.stream({ method: 'POST', path: `${call.prefix}/images/create?${query}` }, signal)
      if (progress.statusCode !== 200) throw failureOf(await replyFrom(progress))
      return { progress }
    },

    'container-create': async ({ call, body, note }) => {
      const name = call.query.get('name') ?? ''
      const part = ownPart(name, instance)
      const checked = checkContainerBody(body, part, config, nowMs())
      note(checked.Labels)
      const { NetworkMode, Mounts } = checked.HostConfig
      if (part.role !== 'anchor') await checkAnchorOf(part, NetworkMode, ownership)
      for (const mount of Mounts) if (mount.Source !== config.egressVolume) await ownership.volume(mount.Source)
      return oneAtATime(async () => {
        await checkRoom(part)
        const path = `${call.prefix}/containers/create?name=${name}`
        return ask({ method: 'POST', path, body: checked }, answers.createdAnswer)
      })
    },
    'container-start': async ({ call, note }) => {
      const { id, labels } = await ownership.container(call.part)
      note(labels)
      return ask({ method: 'POST', path: `${call.prefix}/containers/${id}/start` }, z.unknown())
    },
    'container-inspect': async ({ call, note }) => {
      const { labels, raw } = await ownership.container(call.part)
      note(labels)
      return { status: 200, body: answers.containerAnswer.parse(raw) }
    },
    'container-logs': async ({ call, signal, note }) => {
      const { id, labels, part } = await ownership.container(call.part)
      note(labels)
      if (part.role !== 'service') throw forbidden('only side services have a log')
      const query = `stdout=true&stderr=true&tail=${call.query.get('tail')}`
      const path = `${call.prefix}/containers/${id}/logs?${query}`
      const log = await engine.stream(
        { method: 'GET', path },
        AbortSignal.any([signal, AbortSignal.timeout(LOG_TIMEOUT_MS)]),
      )
      if (log.statusCode !== 200) throw failureOf(await replyFrom(log))
      return { bytes: await bytesFrom(log) }
    },
    'container-remove': async ({ call, note }) => {
      const { id, labels } = await ownership.removableContainer(call.part)
      note(labels)
      const query = [...call.query.keys()].map((key) => `${key}=true`).join('&')
      return ask({ method: 'DELETE', path: `${call.prefix}/containers/${id}?${query}` }, z.unknown())
    },
    'container-list': async ({ call }) => {
      const path = `${call.prefix}/containers/json?${call.query.has('all') ? 'all=true&' : ''}${filterQuery(call)}`
      const list = answers.listedContainers.parse(successOf(await engine.ask({ method: 'GET', path })))
      const body = list.filter(({ Names, Labels }) => Names.some((name) => isListed(name.slice(1), Labels ?? {})))
      return { status: 200, body }
    },

    'exec-create': async ({ call, body, note }) => {
      const container = await ownership.container(call.part)
      note(container.labels)
      const checked = checkExecBody(body, container.part.role)
      if (!container.isRunning) throw new Refusal(409, 'The container is not running')
      if (container.execs >= MAX_EXECS) throw forbidden(`${container.execs} execs of this container did not end yet`)
      const path = `${call.prefix}/containers/${container.id}/exec`
      return ask({ method: 'POST', path, body: checked }, answers.execCreatedAnswer)
    },
    'exec-inspect': async ({ call, note }) => {
      const { container, raw } = await ownership.exec(call.part)
      note(container.labels)
      return { status: 200, body: answers.execAnswer.parse(raw) }
    },

    'volume-create': async ({ call, body, note }) => {
      const checked = checkVolumeBody(body, instance, nowMs())
      note(checked.Labels)
      return oneAtATime(async () => {
        await checkRoom({ role: 'workspace', podId: '' })
        const path = `${call.prefix}/volumes/create`
        return ask({ method: 'POST', path, body: checked }, answers.volumeAnswer)
      })
    },
    'volume-remove': async ({ call }) => {
      await ownership.removableVolume(call.part)
      const query = call.query.has('force') ? '?force=true' : ''
      return ask({ method: 'DELETE', path: `${call.prefix}/volumes/${call.part}${query}` }, z.unknown())
    },
    'volume-list': async ({ call }) => {
      const path = `${call.prefix}/volumes?${filterQuery(call)}`
      const { Volumes } = answers.listedVolumes.parse(successOf(await engine.ask({ method: 'GET', path })))
      return { status: 200, body: { Volumes: (Volumes ?? []).filter((row) => isListed(row.Name, row.Labels ?? {})) } }
    },
  }

  return {
    async answer(asked) {
      if (asked.call.kind === 'exec-start') throw new Error('exec-start is not answered but turned into a stream')
      return handlers[asked.call.kind](asked)
    },
    async startExec({ call, body, signal, note }) {
      const checked = checkExecStartBody(body)
      const { id, container } = await ownership.exec(call.part)
      note(container.labels)
      return engine.hijack({ method: 'POST', path: `${call.prefix}/exec/${id}/start`, body: checked }, signal)
    },
  }
}

function ownPart(name: string, instance: string): PodPart {
  const part = parsePartName(name)
  if (part?.instance !== instance || part.role === 'workspace') {
    throw forbidden(`the name ${shown(name)} is not an anchor, sandbox or service of this instance`)
  }
  return part
}

const notAnImage = (name: string) =>
  forbidden(`${shown(name)} is neither SANDBOX_IMAGE nor SANDBOX_ANCHOR_IMAGE, nor one of IMAGES_ALLOWED`)

/** A pull by digest says no tag, so there the pattern's own does not count; the container is made by the whole name. */
function mayBePulled(fromImage: string, tag: string, { imagesAllowed }: GateConfig): boolean {
  if (tag.startsWith('sha256:')) {
    const patterns = imagesAllowed.map((pattern) => pattern.replace(/@[^@/]*$/, '').replace(/:[^:/]*$/, ''))
    return mayBeChosen(fromImage, { imagesAllowed: patterns })
  }
  const names = [`${fromImage}:${tag}`, ...(tag === 'latest' ? [fromImage] : [])]
  return names.some((name) => mayBeChosen(name, { imagesAllowed }))
}

/** What the engine keeps of a service's output is below 1 MiB, and framed a little more. */
const MAX_LOG_BYTES = 2 * 1024 ** 2
const LOG_TIMEOUT_MS = 20_000

async function bytesFrom(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_LOG_BYTES) throw new Refusal(502, `The log is more than ${MAX_LOG_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Whether this query pulls exactly that image. Without a tag the engine would pull all tags, so there always is one. */
function isPullOf(image: string, fromImage: string, tag: string): boolean {
  const [name = '', digest] = image.split('@')
  // Where there is a digest it alone counts; the tag beside it may be given or left out.
  if (digest !== undefined) return tag === digest && [name, name.replace(/:[^:/]+$/, '')].includes(fromImage)
  return name === `${fromImage}:${tag}` || (tag === 'latest' && name === fromImage)
}

function jsonIn(text = ''): unknown {
  return parseStrictJson(Buffer.from(text))
}

function successOf(reply: EngineReply): unknown {
  if (reply.status >= 200 && reply.status < 300) return reply.body
  throw failureOf(reply)
}

const engineMessage = z.object({ message: z.string() })

/** The engine's own word on why not, capped. */
export function failureOf({ status, body }: EngineReply): Refusal {
  const told = engineMessage.safeParse(body)
  const message = told.success ? told.data.message.slice(0, 2000) : 'The Docker engine gave no reason'
  return new Refusal(status >= 400 && status < 600 ? status : 502, message)
}

/** Runs one piece of work after the other, so that what was counted still holds when it is used. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const turn = last.then(work)
    // Whoever asked hears of the failure; the next one only waits.
    last = turn.catch(() => undefined)
    return turn
  }
}
