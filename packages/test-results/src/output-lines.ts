/** Longer lines are cut before anything looks at them: no test's name needs more, and no pattern has to be afraid of more. */
const MAX_LINE_CHARACTERS = 2_000
/** Bytes of one such line that are decoded at most. */
const MAX_LINE_BYTES = 4 * MAX_LINE_CHARACTERS
/** Lines that are looked at; a list of tests has fewer in the few megabytes that are read. */
const MAX_LINES = 200_000
const LINE_FEED = 0x0a

/** Colours, cursor movements, titles: everything a terminal would not show as text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences are what it is about
const TERMINAL_SEQUENCE = /\u001b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\u0007\u001b]*\u0007?|[@-Z\\^_])/g

/**
 * The lines of a program's output as a person sees them, one by one: no copy of the whole is made. Empty lines in a row
 * are one.
 */
export function* outputLines(output: Uint8Array): Generator<string> {
  const decoder = new TextDecoder()
  for (let start = 0, lines = 0; start < output.length && lines < MAX_LINES; lines += 1) {
    while (output[start] === LINE_FEED && output[start + 1] === LINE_FEED) start += 1
    const found = output.indexOf(LINE_FEED, start)
    const end = found === -1 ? output.length : found
    yield shown(decoder.decode(output.subarray(start, Math.min(end, start + MAX_LINE_BYTES))))
    start = end + 1
  }
}

function shown(line: string): string {
  const text = line.slice(0, MAX_LINE_CHARACTERS).replace(TERMINAL_SEQUENCE, '').replace(/\r+$/, '')
  // What comes after a carriage return is written over what was there before.
  return text.slice(text.lastIndexOf('\r') + 1).trimEnd()
}
