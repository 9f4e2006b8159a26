import { isIPv4 } from 'node:net'

/** What the probe does at the proxy; see egress-probe.mjs. */
type Attempt = {
  readonly name: string
  /** Bytes, one per character. */
  readonly sent: string
  /** Spoken in the tunnel, if one opens. `servername` is the SNI; null: none. */
  readonly tls?: { readonly host: string; readonly servername: string | null; readonly path: string }
  readonly plain?: string
}

/** An attempt that has to be refused, with the row of the report that says so. */
export type Refused = Attempt & {
  /** Of the proxy's answer; 200 where only the tunnel's first bytes show what it is used for. */
  readonly status: 200 | 400 | 403
  readonly host: string
  readonly port: number
  readonly reason: string | RegExp
  /** The EGRESS_ALLOW column; undefined: nothing that anybody should be told to allow. */
  readonly allow?: string
}

/** The one host that is allowed, and a server of this machine that nothing may reach. */
export type Targets = {
  readonly host: string
  readonly port: number
  /** One address it resolves to; on the list, as its name is. */
  readonly address: string
  /** A package's metadata. */
  readonly path: string
  /** Where a server listens on this machine's loopback; `localhost` with this port is on the list. */
  readonly insidePort: number
}

const NOT_LISTED = 'not on the list'
const CRLF = '\r\n'

const connectTo = (authority: string, hostHeader = authority) =>
  `CONNECT ${authority} HTTP/1.1${CRLF}Host: ${hostHeader}${CRLF}${CRLF}`
const get = (url: string, hostHeader: string) => `GET ${url} HTTP/1.1${CRLF}Host: ${hostHeader}${CRLF}${CRLF}`

/** Spellings of the listed host that have to work. */
export function allowedAttempts({ host, port, path }: Targets): readonly Attempt[] {
  return [host, host.toUpperCase()].map((spelling) => ({
    name: `allowed: ${spelling}`,
    sent: connectTo(`${spelling}:${port}`),
    tls: { host, servername: spelling, path },
  }))
}

/** Everything that looks like the listed host and is not, and every way to use that host for something else. */
export function refusedAttempts(targets: Targets): readonly Refused[] {
  return [...otherDestinations(targets), ...spellings(targets), ...wrongUse(targets)]
}

function otherDestinations({ host, port, address, insidePort }: Targets): readonly Refused[] {
  const unlisted = (name: string, to: string, at: number, allow: string | undefined, hostHeader?: string): Refused => ({
    name,
    sent: connectTo(`${to}:${at}`, hostHeader),
    status: 403,
    host: to.toLowerCase(),
    port: at,
    reason: NOT_LISTED,
    ...(allow !== undefined && { allow }),
  })
  const withPort = (name: string) => (port === 443 ? name : `${name}:${port}`)
  return [
    unlisted('another host that says it is the listed one', 'example.com', 443, 'example.com', host),
    unlisted('prefix', `evil-${host}`, port, withPort(`evil-${host}`)),
    unlisted('suffix', `${host}.evil.example`, port, withPort(`${host}.evil.example`)),
    unlisted('subdomain', `evil.${host}`, port, withPort(`evil.${host}`)),
    unlisted('another port', host, port + 1, `${host}:${port + 1}`),
    unlisted('the listed address on another port', address, port + 1, `${address}:${port + 1}`),
    unlisted('an address', '192.0.2.7', 443, '192.0.2.7'),
    unlisted('this machine', '127.0.0.1', insidePort, undefined),
    unlisted('the metadata service', '169.254.169.254', 80, undefined),
    {
      name: 'a listed name with an inside address',
      sent: connectTo(`localhost:${insidePort}`),
      status: 403,
      host: 'localhost',
      port: insidePort,
      reason: /^resolves to an address that is not public \((127\.0\.0\.1|::1), loopback\)$/,
    },
  ]
}

function spellings({ host, port, address }: Targets): readonly Refused[] {
  const refused = (name: string, authority: string, reason: string, shown = authority): Refused => ({
    name,
    sent: connectTo(authority),
    status: 400,
    host: shown,
    port: 0,
    reason,
  })
  const parts = (isIPv4(address) ? address : '192.0.2.7').split('.').map(Number)
  const number = parts.reduce((value, part) => value * 256 + part, 0)
  const unusual = 'the destination is an IP address in an unusual spelling'
  const inIpv6 = 'the destination is an IPv4 address inside an IPv6 address'
  return [
    refused('trailing dot', `${host}.:${port}`, 'the destination ends with a dot'),
    refused('NUL', `${host}\0.evil.example:443`, 'the request cannot be read', `${host}\\x00.evil.example:443`),
    refused('escaped NUL', `${host}%00.evil.example:443`, 'the destination has percent-encoding or a zone in it'),
    refused('user name', `${host}@evil.example:443`, 'the destination has a user name or password in it'),
    refused('decimal address', `${number}:${port}`, unusual),
    refused('hexadecimal address', `0x${number.toString(16)}:${port}`, unusual),
    refused('octal address', `${parts.map((part) => `0${part.toString(8)}`).join('.')}:${port}`, unusual),
    refused('mapped address', `[::ffff:${parts.join('.')}]:${port}`, inIpv6),
    {
      ...refused('user name in a URL', '', 'the destination has a user name or password in it', `user:word@${host}`),
      sent: get(`http://user:word@${host}/`, host),
    },
  ]
}

function wrongUse({ host, port, address, path }: Targets): readonly Refused[] {
  const inTunnel = (name: string, reason: string, inside: Pick<Attempt, 'tls' | 'plain'>, to = host): Refused => ({
    name,
    sent: connectTo(`${to}:${port}`),
    ...inside,
    status: 200,
    host: to,
    port,
    reason,
  })
  const hello = (servername: string | null) => ({ tls: { host, servername, path } })
  const another = 'the TLS hello names another host'
  return [
    inTunnel('another SNI', `${another} (example.com)`, hello('example.com')),
    inTunnel('no SNI', 'the TLS hello names no host (SNI)', hello(null)),
    inTunnel('plain http in the tunnel', 'what came through the tunnel is not TLS', { plain: get(path, host) }),
    inTunnel('a name through the listed address', `${another} (${host})`, hello(host), address),
    {
      name: 'http URL',
      sent: get(`http://${host}${path}`, host),
      status: 403,
      host,
      port: 80,
      reason: NOT_LISTED,
      allow: `${host}:80`,
    },
    {
      name: 'https URL',
      sent: get(`https://${host}${path}`, host),
      status: 400,
      host,
      port: 0,
      reason: 'only http:// URLs are passed on, all else goes through CONNECT',
    },
    {
      name: 'SOCKS',
      sent: '\x05\x01\x00',
      status: 400,
      host: '(none)',
      port: 0,
      reason: 'not a request that an HTTP proxy understands (CONNECT or http://)',
    },
  ]
}
