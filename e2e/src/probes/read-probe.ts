import { gunzipSync } from 'node:zlib'

/** What the last probe in a text printed. Throws when there is none. */
export function readProbe(text: string): unknown {
  const [, encoded] = [...text.matchAll(/PROBE ([A-Za-z0-9+/=]+)/g)].at(-1) ?? []
  if (encoded === undefined) throw new Error(`no probe report in: ${text.slice(0, 2_000)}`)
  return JSON.parse(gunzipSync(Buffer.from(encoded, 'base64')).toString('utf8'))
}
