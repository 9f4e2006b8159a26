import { forbidden, shown } from './refusal.ts'

/** The calls there are. What is not in this table does not exist. */
export type CallKind =
  | 'ping'
  | 'version'
  | 'image-inspect'
  | 'image-pull'
  | 'container-create'
  | 'container-start'
  | 'container-inspect'
  | 'container-logs'
  | 'container-remove'
  | 'container-list'
  | 'exec-create'
  | 'exec-start'
  | 'exec-inspect'
  | 'volume-create'
  | 'volume-remove'
  | 'volume-list'

/** A request's first line, understood. Nothing else of its target reaches the engine. */
export type Call = {
  readonly kind: CallKind
  readonly body: 'none' | 'json' | 'ignored'
  /** The API version asked for, as a path prefix (`/v1.41`), or nothing. */
  readonly prefix: string
  /** The id or name in the path; empty where there is none. */
  readonly part: string
  readonly query: ReadonlyMap<string, string>
}

type Route = {
  readonly kind: CallKind
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: RegExp
  readonly required?: Readonly<Record<string, RegExp>>
  readonly optional?: Readonly<Record<string, RegExp>>
  /** `ignored`: dockerode repeats the query as a body there; it is checked and thrown away. */
  readonly body?: 'json' | 'ignored'
}

const CONTAINER =
  '(?<part>[0-9a-f]{64}|devbot-[a-z0-9_-]{1,40}-[0-9a-f]{24}-(?:anchor|sandbox|service-[a-z][a-z0-9-]{0,30}))'
const VOLUME = '(?<part>devbot-[a-z0-9_-]{1,40}-[0-9a-f]{24}-workspace)'
const EXEC = '(?<part>[0-9a-f]{64})'
const IMAGE = '(?<part>[a-z0-9][A-Za-z0-9_.:@/-]{0,511})'
const TRUE = /^(?:true|1)$/
const FILTERS = /^\{[\x20-\x7e]{1,500}\}$/

const ROUTES: readonly Route[] = [
  { kind: 'ping', method: 'GET', path: route('/_ping') },
  { kind: 'version', method: 'GET', path: route('/version') },
  { kind: 'image-inspect', method: 'GET', path: route(`/images/${IMAGE}/json`) },
  {
    kind: 'image-pull',
    method: 'POST',
    path: route('/images/create'),
    required: { fromImage: /^[\w.:/-]{1,512}$/, tag: /^[\w.:-]{1,128}$/ },
    body: 'ignored',
  },
  {
    kind: 'container-create',
    method: 'POST',
    path: route('/containers/create'),
    required: { name: /^[a-z0-9_-]{1,120}$/ },
    body: 'json',
  },
  { kind: 'container-start', method: 'POST', path: route(`/containers/${CONTAINER}/start`) },
  { kind: 'container-inspect', method: 'GET', path: route(`/containers/${CONTAINER}/json`) },
  {
    kind: 'container-logs',
    method: 'GET',
    path: route(`/containers/${CONTAINER}/logs`),
    required: { stdout: TRUE, stderr: TRUE, tail: /^[1-9]\d{0,2}$/ },
  },
  {
    kind: 'container-remove',
    method: 'DELETE',
    path: route(`/containers/${CONTAINER}`),
    optional: { force: TRUE, v: TRUE },
  },
  {
    kind: 'container-list',
    method: 'GET',
    path: route('/containers/json'),
    required: { filters: FILTERS },
    optional: { all: TRUE },
  },
  { kind: 'exec-create', method: 'POST', path: route(`/containers/${CONTAINER}/exec`), body: 'json' },
  { kind: 'exec-start', method: 'POST', path: route(`/exec/${EXEC}/start`), body: 'json' },
  { kind: 'exec-inspect', method: 'GET', path: route(`/exec/${EXEC}/json`) },
  { kind: 'volume-create', method: 'POST', path: route('/volumes/create'), body: 'json' },
  { kind: 'volume-remove', method: 'DELETE', path: route(`/volumes/${VOLUME}`), optional: { force: TRUE } },
  { kind: 'volume-list', method: 'GET', path: route('/volumes'), required: { filters: FILTERS } },
]

/** Versions before 1.41 have other defaults (the cgroup namespace, for one), so they are not offered. */
function route(path: string): RegExp {
  return new RegExp(`^(?<prefix>/v1\\.(?:4[1-9]|[5-9][0-9]))?${path}$`)
}

/** What a request's method and raw target ask for. Throws a Refusal for everything that is not one of DevBot's calls. */
export function parseCall(method: string, target: string): Call {
  const [path = '', query, ...more] = target.split('?')
  if (more.length > 0) throw forbidden('a target with two question marks')
  // No pattern has room for these; said apart so that nobody has to read the patterns to be sure.
  if (!/^\/[\w.:@/-]{1,700}$/.test(path) || /\/\/|\.\./.test(path)) {
    throw forbidden(`the path ${shown(path)} is not written plainly`)
  }
  const found = ROUTES.find((row) => row.method === method && row.path.test(path))
  if (found === undefined) throw forbidden(`${shown(method)} ${shown(path)} is not one of DevBot's calls`)
  const { prefix = '', part = '' } = found.path.exec(path)?.groups ?? {}
  return { kind: found.kind, body: found.body ?? 'none', prefix, part, query: parseQuery(found, query ?? '') }
}

/** Each key at most once, none unknown, each value by its grammar. */
function parseQuery({ required = {}, optional = {} }: Route, text: string): ReadonlyMap<string, string> {
  const query = new Map<string, string>()
  for (const pair of text === '' ? [] : text.split('&')) {
    const [key = '', value, ...more] = pair.split('=')
    const pattern = Object.hasOwn(required, key)
      ? required[key]
      : Object.hasOwn(optional, key)
        ? optional[key]
        : undefined
    if (pattern === undefined || value === undefined || more.length > 0) {
      throw forbidden(`${shown(pair)} does not belong into this call's query`)
    }
    if (query.has(key)) throw forbidden(`the query has ${key} twice`)
    const decoded = decodeValue(value)
    if (!pattern.test(decoded)) throw forbidden(`the query's ${key} is ${shown(decoded)}`)
    query.set(key, decoded)
  }
  const missing = Object.keys(required).filter((key) => !query.has(key))
  if (missing.length > 0) throw forbidden(`the query lacks ${missing.join(' and ')}`)
  return query
}

/** Percent-encoded once; `+` (a space to some readers, a plus to others) is refused. */
function decodeValue(value: string): string {
  if (!/^(?:[\w.~!'()*:@/-]|%[0-9A-Fa-f]{2})*$/.test(value)) throw forbidden('a query value is not percent-encoded')
  try {
    return decodeURIComponent(value)
  } catch {
    // Only malformed UTF-8 gets here.
    throw forbidden('a query value is not UTF-8')
  }
}
