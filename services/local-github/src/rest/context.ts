import { z } from 'zod'
import type { EmulatorAnswer } from '../emulator.ts'
import type { Hub } from '../hub.ts'
import type { Identity } from '../identities.ts'
import { type Role, roleAtLeast } from '../options.ts'
import { forbidden } from '../problem.ts'
import type { LocalRepository } from '../repositories.ts'
import { normaliseJson, ownAddress } from './normalise-json.ts'

export type JsonObject = Readonly<Record<string, unknown>>
export const jsonObjectSchema: z.ZodType<JsonObject> = z.record(z.string(), z.unknown())

/** One REST request, its person known. */
export type RestRequest = {
  readonly hub: Hub
  readonly identity: Identity
  readonly method: string
  /** Below the API's base, without query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly body: JsonObject | undefined
  readonly accept: string
}

/** A REST request about one repository the person may see. */
export type RepositoryRequest = RestRequest & { readonly repository: LocalRepository; readonly role: Role }

export type RestAnswer = {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export function requireRole(request: RepositoryRequest, needed: Role): void {
  if (!roleAtLeast(request.role, needed)) throw forbidden()
}

/** The request handed on to the emulator as it is, or with another body. Nothing is put right yet. */
export function askEmulator(
  request: RestRequest,
  body: JsonObject | undefined = request.body,
): Promise<EmulatorAnswer> {
  const query = request.query.toString()
  return request.hub.emulator.call({
    method: request.method,
    path: `${request.path}${query === '' ? '' : `?${query}`}`,
    token: request.identity.emulatorToken,
    ...(body === undefined || request.method === 'GET' ? {} : { body }),
  })
}

/** The emulator's JSON as ours, ids and addresses put right. */
export function normalised(hub: Hub, value: unknown, repository?: LocalRepository): unknown {
  const realIds = new Map([...(repository?.idInEmulator ?? [])].map(([real, theirs]) => [theirs, real]))
  return normaliseJson(value, hub.addresses, hub.identities.isBot, realIds)
}

/** The emulator's answer as ours. Its errors keep their status and get GitHub's shape. */
export function answerOf(request: RestRequest, answer: EmulatorAnswer, repository?: LocalRepository): RestAnswer {
  const link = answer.headers.get('link')
  const limits = [...answer.headers].filter(([name]) => name.startsWith('x-ratelimit-'))
  return {
    status: answer.status,
    body: normalised(request.hub, answer.body, repository),
    headers: { ...Object.fromEntries(limits), ...(link === null ? {} : { link: ownLinks(request, link) }) },
  }
}

/** The emulator's page links name its own loopback port; only path and query count. */
function ownLinks(request: RestRequest, link: string): string {
  return link.replace(/<https?:\/\/[^/>]+([^>]*)>/g, (_whole, rest: string) => {
    const { emulatorUrl } = request.hub.addresses
    return `<${ownAddress(`${emulatorUrl}${rest}`, request.hub.addresses)}>`
  })
}

/** One page of a list that we hold whole, with GitHub's Link header. */
export function pageOf(request: RestRequest, items: readonly unknown[]): RestAnswer {
  const perPage = boundedNumber(request.query.get('per_page'), 30, 100)
  const page = boundedNumber(request.query.get('page'), 1, Number.MAX_SAFE_INTEGER)
  const last = Math.max(1, Math.ceil(items.length / perPage))
  const to = (number: number, relation: string) => {
    const query = new URLSearchParams(request.query)
    query.set('page', String(number))
    query.set('per_page', String(perPage))
    return `<${request.hub.addresses.apiUrl}${request.path}?${query}>; rel="${relation}"`
  }
  const links = [
    ...(page > 1 ? [to(page - 1, 'prev'), to(1, 'first')] : []),
    ...(page < last ? [to(page + 1, 'next'), to(last, 'last')] : []),
  ]
  return {
    status: 200,
    body: items.slice((page - 1) * perPage, page * perPage),
    headers: links.length === 0 ? {} : { link: links.join(', ') },
  }
}

function boundedNumber(text: string | null, fallback: number, max: number): number {
  const value = Number(text ?? fallback)
  return Number.isInteger(value) && value >= 1 ? Math.min(value, max) : fallback
}
