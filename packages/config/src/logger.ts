import { type DestinationStream, type Logger, pino } from 'pino'
import { PinoPretty } from 'pino-pretty'
import type { Secret } from './secret.ts'

export type { Logger } from 'pino'

/**
 * A structured logger in which no known secret can appear: every finished line is searched for each secret's value,
 * also as base64, URL-encoded and JSON-escaped text, as the last net. On a terminal the lines are made readable.
 */
export function createLogger(options: {
  readonly service: string
  readonly level: string
  readonly secrets: readonly (Secret | undefined)[]
  /** Where lines go; standard output when absent. */
  readonly destination?: DestinationStream
}): Logger {
  const secrets = options.secrets.filter((secret) => secret !== undefined)
  return pino(
    {
      name: options.service,
      level: options.level,
      base: { service: options.service },
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: pino.stdSerializers.err },
      hooks: { streamWrite: (line) => withoutSecrets(line, secrets) },
    },
    options.destination ?? standardOutput(),
  )
}

function standardOutput(): DestinationStream {
  if (process.stdout.isTTY)
    return PinoPretty({ ignore: 'pid,hostname,service', translateTime: 'HH:MM:ss', messageFormat: '{service}: {msg}' })
  return pino.destination({ dest: 1, sync: true })
}

/** Replaces every known form of every secret. Shorter than 8 characters is no secret but a word that would tear up the text. */
export function withoutSecrets(text: string, secrets: readonly Secret[]): string {
  let clean = text
  for (const secret of secrets) {
    for (const form of formsOf(secret.reveal())) clean = clean.replaceAll(form, '[secret]')
  }
  return clean
}

/** The texts by which a secret value may travel. Longest first, so that no part of one is left over. */
export function formsOf(value: string): readonly string[] {
  if (value.length < 8) return []
  const forms = [
    value,
    Buffer.from(value).toString('base64'),
    Buffer.from(value).toString('base64url'),
    Buffer.from(value).toString('hex'),
    encodeURIComponent(value),
    JSON.stringify(value).slice(1, -1),
  ]
  return [...new Set(forms)].sort((a, b) => b.length - a.length)
}
