/** 32 characters of chance are more than anybody tries; half of a hexadecimal text counts. */
const GOOD_LENGTH = 32
/** Chance gives more than this in any 32 hexadecimal digits; words repeated do not. */
const FEWEST_CHARACTERS = 9

/** Why a secret could be guessed, or nothing. */
export function secretWeakness(secret: string): string | undefined {
  if (secret.length < GOOD_LENGTH)
    return `the secret has ${secret.length} characters; make a better one: openssl rand -hex 32`
  if (new Set(secret).size < FEWEST_CHARACTERS || /(secret|password|changeme|example|devbot)/i.test(secret))
    return 'the secret looks made up; make one by chance: openssl rand -hex 32'
  return undefined
}
