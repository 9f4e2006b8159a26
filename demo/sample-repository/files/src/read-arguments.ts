import { DurationError } from './duration-error.ts'

export const FORMATS = ['words', 'compact', 'clock', 'iso', 'ms'] as const
export type Format = (typeof FORMATS)[number]

export type Arguments = { readonly help: true } | { readonly help: false; readonly format: Format; readonly text: string }

/** The command line's arguments: `[--to <format>] <duration>`. */
export function readArguments(args: readonly string[]): Arguments {
  if (args.length === 0 || args.includes('--help')) return { help: true }
  const to = args.indexOf('--to')
  if (to === -1) return { help: false, format: 'words', text: args.join(' ') }
  const format = FORMATS.find((name) => name === args[to + 1])
  if (format === undefined) throw new DurationError(`expected --to with one of ${FORMATS.join(', ')}`)
  return { help: false, format, text: args.toSpliced(to, 2).join(' ') }
}
