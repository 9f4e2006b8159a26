import { formsOf, type Secret } from '@devbot/config'

/** Where a known secret was found; never the secret. */
export type SecretFinding = { readonly place: string }

/**
 * Searches everything that is about to be published for the known secret values, also as base64, hexadecimal,
 * URL-encoded and JSON-escaped text. Works on bytes, so binary files are searched too.
 */
export function findSecrets(
  published: readonly { readonly place: string; readonly bytes: Uint8Array }[],
  secrets: readonly Secret[],
): readonly SecretFinding[] {
  const needles = secrets.flatMap((secret) => formsOf(secret.reveal())).map((form) => Buffer.from(form))
  return published
    .filter(({ bytes }) => {
      const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      return needles.some((needle) => haystack.includes(needle))
    })
    .map(({ place }) => ({ place }))
}
