/** Where a command's answer goes: text for people, one JSON document for programs. */
export type Output = {
  readonly json: boolean
  /** Prints `value` with --json, else the text. */
  readonly answer: (value: unknown, text: () => string) => void
  /** One line as it happens (a JSON document a line with --json). */
  readonly line: (value: unknown, text: () => string) => void
}

export function createOutput(json: boolean, write: (text: string) => void): Output {
  return {
    json,
    answer: (value, text) => write(json ? `${JSON.stringify(value, undefined, 2)}\n` : `${text()}\n`),
    line: (value, text) => write(json ? `${JSON.stringify(value)}\n` : `${text()}\n`),
  }
}

/** Rows under a head, in columns as wide as their widest cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [head, ...rows].map(line).join('\n')
}

/** `3 s`, `4 min`, `2 h`, `5 d`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}

export function dollars(microUsd: number): string {
  return `$${(microUsd / 1_000_000).toFixed(2)}`
}
