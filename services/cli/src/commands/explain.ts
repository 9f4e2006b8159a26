import { DevBotError, ERROR_AREAS, type ErrorCode, errorEntry, isErrorCode, RETRY_RULES } from '@devbot/contracts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Output } from '../output.ts'

/** `explain <code>`: what an error code means, what to do, and what DevBot does by itself. */
export function explainCode(output: Output, code: string): ExitCode {
  if (!isErrorCode(code)) {
    throw new DevBotError({
      category: 'invalid-input',
      code: 'error-code-unknown',
      message: `there is no error code ${JSON.stringify(code.slice(0, 60))}; devbot explain lists them all`,
    })
  }
  output.answer({ code, ...errorEntry(code) }, () => [code, ...explanationLines(code)].join('\n'))
  return EXIT.done
}

/** `explain`: all codes by area. */
export function listCodes(output: Output): ExitCode {
  output.answer({ codes: ERROR_AREAS }, () =>
    Object.entries(ERROR_AREAS)
      .map(([area, entries]) =>
        [area, ...Object.entries(entries).map(([code, { cause }]) => `  ${code.padEnd(30)} ${cause}`)].join('\n'),
      )
      .join('\n\n'),
  )
  return EXIT.done
}

/** The entry of a code as indented lines, as `explain` and `show` print it. */
export function explanationLines(code: ErrorCode): readonly string[] {
  const { cause, remedy, retry, attempts } = errorEntry(code)
  const atMost = attempts === undefined ? '' : `, ${attempts} times at most`
  return [`  cause         ${cause}`, `  what to do    ${remedy}`, `  by itself     ${RETRY_RULES[retry]}${atMost}`]
}
