import type { Duplex } from 'node:stream'
import { answerAndClose } from './answer-and-close.ts'
import type { PodContext } from './pod-context.ts'
import { cleanHost, plainAnswer, refusalText } from './refusal-text.ts'

type ParserError = Error & { readonly code?: string; readonly rawPacket?: Buffer }

/** Answers bytes that Node's HTTP parser refused or waited too long for. What names a destination counts as a refusal. */
export function answerUnreadable(context: PodContext, error: ParserError, client: Duplex): void {
  client.on('error', () => client.destroy())
  if (error.code === 'ECONNRESET' || !client.writable) {
    client.destroy()
    return
  }
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    end(client, 408, 'Request Timeout', "DevBot's egress-proxy: no whole request came in time.\n")
  } else if (error.code === 'HPE_HEADER_OVERFLOW') {
    end(client, 431, 'Request Header Fields Too Large', "DevBot's egress-proxy: the request's head is too large.\n")
  } else {
    const host = namedTarget(error.rawPacket)
    const refusal = { reason: host === undefined ? NOT_HTTP : 'the request cannot be read' }
    context.refuse({ host: host ?? '(none)', port: 0 }, refusal)
    end(client, 400, 'Bad Request', refusalText(host ?? '(none)', refusal))
  }
}

const NOT_HTTP = 'not a request that an HTTP proxy understands (CONNECT or http://)'

function end(client: Duplex, status: number, statusMessage: string, text: string): void {
  answerAndClose(client, plainAnswer(status, statusMessage, text))
}

/** What stands where the destination does, in a line that looks like a request. */
function namedTarget(packet: Buffer | undefined): string | undefined {
  const [line = ''] = (packet?.subarray(0, 2_048).toString('latin1') ?? '').split(/\r?\n/, 1)
  const target = /^(?:CONNECT |[A-Z]{3,10} https?:\/\/)(.*?)(?: HTTP\/[\d.]*)?$/.exec(line)?.[1]
  return target === undefined || target === '' ? undefined : cleanHost(target)
}
