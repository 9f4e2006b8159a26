import type { ErrorCode } from 'yaml'
import { inertText } from './inert-text.ts'
import type { PlanProblem } from './plan-problem.ts'

/**
 * A YAML syntax error in words for the person who wrote the line. The library's code decides, never its message.
 * @param lineText the line of the file where the error was found.
 */
export function describeYamlError(code: ErrorCode, lineText: string): Omit<PlanProblem, 'line'> {
  const keyed = /^([A-Za-z_][\w-]*)[ \t]*:[ \t]+(\S.*)$/.exec(lineText)
  const field = keyed?.[1] ?? 'front matter'
  const found = `\`${inertText(lineText.trim())}\``
  const quoted = keyed?.[2] === undefined ? {} : { paste: `${field}: ${JSON.stringify(keyed[2])}` }
  switch (code) {
    case 'TAB_AS_INDENT':
      return {
        field,
        problem: `expected spaces at the start of the line, found a tab before ${found}`,
        remedy: 'Indent with spaces; YAML does not allow tabs there.',
        ...(lineText.includes('\t') ? { paste: lineText.replaceAll('\t', '  ') } : {}),
      }
    case 'BLOCK_AS_IMPLICIT_KEY':
      return {
        field,
        problem: `expected one value, found a second \`: \` in ${found}`,
        remedy: 'Put a value that holds a colon and a space in quotes.',
        ...quoted,
      }
    case 'BAD_SCALAR_START':
      return {
        field,
        problem: `expected a value, found one in ${found} that starts with a character YAML keeps for itself`,
        remedy: 'Put the value in quotes.',
        ...quoted,
      }
    case 'BAD_DQ_ESCAPE':
      return {
        field,
        problem: `expected only known escapes between double quotes, found another in ${found}`,
        remedy: 'Use single quotes, or write each backslash twice.',
      }
    case 'MISSING_CHAR':
      return {
        field,
        problem: `expected a closing quote, bracket or colon before or in ${found}`,
        remedy: 'Close what was opened; a key needs a colon and a space before its value.',
      }
    case 'RESOURCE_EXHAUSTION':
      return {
        field,
        problem: 'expected a few levels of nesting, found more than can be read',
        remedy: 'Flatten the value.',
      }
    case 'NON_STRING_KEY':
      return {
        field,
        problem: `expected a plain word as key, found ${found}`,
        remedy: 'Write each entry as a key, a colon, a space and a value.',
      }
    default:
      return {
        field,
        problem: `expected YAML lines like \`key: value\`, found ${found === '``' ? 'something unfinished' : found}`,
        remedy:
          'Check quotes, brackets and indentation on this line and the one above; quote values with special signs.',
      }
  }
}
