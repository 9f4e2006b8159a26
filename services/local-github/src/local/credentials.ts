import type { IncomingMessage } from 'node:http'

/**
 * The token of a request: `token T` or `Bearer T`, or the password (git's way; the user name does not matter, but a
 * token alone in its place counts too, as on GitHub).
 */
export function tokenOfRequest(request: IncomingMessage): string | undefined {
  const header = request.headers.authorization
  if (header === undefined) return undefined
  const [scheme = '', value = ''] = header.trim().split(/\s+/, 2)
  if (/^(token|bearer)$/i.test(scheme)) return value
  if (!/^basic$/i.test(scheme)) return ''
  const [user = '', ...rest] = Buffer.from(value, 'base64').toString('utf8').split(':')
  const password = rest.join(':')
  return password === '' || password === 'x-oauth-basic' ? user : password
}
