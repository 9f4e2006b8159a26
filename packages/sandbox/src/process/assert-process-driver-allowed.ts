import { DevBotError } from '@devbot/contracts'

export type ProcessDriverAddresses = {
  readonly modelUrl: string
  readonly githubUrl: string
  readonly githubApiUrl: string
}

/**
 * Throws DevBotError of category `config`, code `process-driver-not-allowed`, naming every address that is not on this
 * machine. Without isolation a model must be ours and nothing may reach a real GitHub.
 */
export function assertProcessDriverAllowed(addresses: ProcessDriverAddresses): void {
  const outside = Object.entries(addresses).filter(([, url]) => !isLoopback(url))
  if (outside.length === 0) return
  throw new DevBotError({
    category: 'config',
    code: 'process-driver-not-allowed',
    message:
      'SANDBOX_DRIVER=process has no isolation and works only with a model and a GitHub on this machine ' +
      `(loopback: localhost, 127.0.0.0/8, [::1]); not so: ${outside.map(([name]) => name).join(', ')}`,
  })
}

/** The URL parser has already brought every spelling of an IPv4 address (`127.1`, `0x7f000001`) to four numbers. */
function isLoopback(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  if (protocol !== 'http:' && protocol !== 'https:') return false
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname)
}
