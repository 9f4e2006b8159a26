import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Whether `X-Hub-Signature-256` is the HMAC SHA-256 of these very bytes under one of the secrets (two during
 * rotation). Never throws; the work depends only on the length of the body and the number of secrets, not on the
 * header nor on which secret fits.
 */
export function verifySignature(input: {
  readonly rawBody: Uint8Array
  readonly header: string | undefined
  readonly secrets: readonly string[]
}): boolean {
  const match = /^sha256=([0-9a-f]{64})$/.exec(input.header ?? '')
  const claimed = Buffer.from(match?.[1] ?? '0'.repeat(64), 'hex')
  let fits = false
  for (const secret of input.secrets) {
    // An empty key would make a signature that anybody can compute.
    const expected = createHmac('sha256', secret).update(input.rawBody).digest()
    const equal = claimed.length === expected.length && timingSafeEqual(claimed, expected)
    fits = (equal && secret !== '') || fits
  }
  return fits && match !== null
}
