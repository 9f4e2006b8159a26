/** Escape sequences of terminals: colours, cursor movements, window titles. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const TERMINAL_SEQUENCE = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: likewise; tab and line feed stay
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g
/** What people do not see but a model reads: bidirectional controls, tag characters, selectors that can carry text. */
const HIDDEN = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e0fff}]/gu

/** Bytes as text that can be shown: not UTF-8 becomes U+FFFD, terminal sequences go, hidden characters are spelled out. */
export function showBytes(bytes: Uint8Array): string {
  return showText(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
}

/** The same for a text that is decoded already. */
export function showText(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(TERMINAL_SEQUENCE, '')
    .replace(CONTROL, '')
    .replace(HIDDEN, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** A number with thousands separated, whatever the machine's language. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}
