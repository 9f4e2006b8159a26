import type { Refusal } from './judge-destination.ts'

/** What the other side of a refused request reads: what was refused, why, and who can change that. */
export function refusalText(target: string, { reason, allowWith }: Refusal): string {
  const help =
    allowWith === undefined ? '' : `Whoever runs DevBot can allow it by adding ${allowWith} to EGRESS_ALLOW.\n`
  return `DevBot's egress-proxy refused a connection to ${target}: ${reason}.\n${help}`
}

/** Many programs show nothing but the status line, so the reason stands there, too. */
export function statusMessageFor({ reason }: Refusal): string {
  return `Refused by DevBot: ${reason.replace(/[^\x20-\x7e]/g, '?')}`
}

/** A whole answer for a connection that no HTTP parser holds any more. */
export function plainAnswer(status: number, statusMessage: string, text: string): string {
  const head = `HTTP/1.1 ${status} ${statusMessage}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(text)}`
  return `${head}\r\nconnection: close\r\n\r\n${text}`
}

/** A host that somebody sent, fit for logs and records: printable, 255 characters at most. */
export function cleanHost(text: string): string {
  const printable = text
    .slice(0, 255)
    .replace(/[^\x20-\x7e]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return printable.slice(0, 255)
}
