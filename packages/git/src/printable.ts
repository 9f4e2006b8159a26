/** Longest piece of foreign text in one of our messages. */
const MAX_LENGTH = 600

/** Foreign text for a message: one line, no control characters, only the end of what is long, secrets blanked. */
export function printable(text: string, secrets: readonly string[] = []): string {
  const blanked = secrets
    .filter((secret) => secret !== '')
    .reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text)
  const line = blanked.replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim()
  return line.length > MAX_LENGTH ? `...${line.slice(-MAX_LENGTH)}` : line
}
