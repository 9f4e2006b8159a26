import { DevBotError } from '@devbot/contracts'

/**
 * One argument for a POSIX shell, whatever it holds: in single quotes nothing has a meaning but the quote itself.
 * Throws `invalid-input` for NUL, which no argument can carry.
 */
export function quoteForShell(argument: string): string {
  if (argument.includes('\0')) {
    throw new DevBotError({
      category: 'invalid-input',
      code: 'argument-with-nul',
      message: 'An argument cannot contain a NUL character.',
    })
  }
  return `'${argument.replaceAll("'", "'\\''")}'`
}
