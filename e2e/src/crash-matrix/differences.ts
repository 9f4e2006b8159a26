import { isDeepStrictEqual } from 'node:util'

/** Where two values differ, each place with both; of long texts the lines that only one of them has. */
export function differences(path: string, expected: unknown, actual: unknown): readonly string[] {
  if (isDeepStrictEqual(expected, actual)) return []
  if (isObject(expected) && isObject(actual)) {
    const keys = new Set([...Object.keys(expected), ...Object.keys(actual)])
    return [...keys].flatMap((key) => differences(`${path}/${key}`, expected[key], actual[key]))
  }
  if (typeof expected === 'string' && typeof actual === 'string' && expected.includes('\n')) {
    const [wanted, found] = [expected.split('\n'), actual.split('\n')]
    const lines = [
      ...wanted.filter((line) => !found.includes(line)).map((line) => `-${line}`),
      ...found.filter((line) => !wanted.includes(line)).map((line) => `+${line}`),
    ]
    return [`${path}: ${lines.length === 0 ? 'the order of lines or their number' : lines.join(' | ')}`]
  }
  return [`${path}: undisturbed ${JSON.stringify(expected)}, here ${JSON.stringify(actual)}`]
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
