import { DevBotError } from '@devbot/contracts'

/** Throws category `config` unless the text is a Redis address; never repeats the text, which may hold a password. */
export function checkRedisUrl(redisUrl: string): void {
  if (isSocketPath(redisUrl)) return
  const url = URL.parse(redisUrl)
  if (url !== null && ['redis:', 'rediss:'].includes(url.protocol) && url.hostname !== '') return
  throw new DevBotError({
    category: 'config',
    code: 'redis-url',
    message:
      'REDIS_URL must look like redis://:password@host:6379 (rediss:// for TLS) or be the path of a Unix socket; ' +
      'its value is not shown because it may hold a password',
  })
}

/** Host and port, or the socket's path: what may be shown. */
export function redisAddress(redisUrl: string): string {
  return isSocketPath(redisUrl) ? redisUrl : new URL(redisUrl).host
}

/** Whether only processes of this machine reach the address: 127.0.0.0/8, ::1, localhost or a Unix socket. */
export function isLoopbackAddress(redisUrl: string): boolean {
  if (isSocketPath(redisUrl)) return true
  const host = new URL(redisUrl).hostname.toLowerCase().replace(/^\[|\]$/g, '')
  // Node does not normalise hosts of the redis: protocol, so the whole dotted form is compared here.
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** The same address without user and password. */
export function withoutCredentials(redisUrl: string): string {
  if (isSocketPath(redisUrl)) return redisUrl
  const url = new URL(redisUrl)
  url.username = ''
  url.password = ''
  return url.href
}

function isSocketPath(redisUrl: string): boolean {
  return redisUrl.startsWith('/')
}
