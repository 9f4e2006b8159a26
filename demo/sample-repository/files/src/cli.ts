#!/usr/bin/env node
import { DurationError } from './duration-error.ts'
import { formatClock, formatCompact, formatDuration, formatIso, parseClock, parseDuration, parseIso } from './index.ts'
import { FORMATS, type Format, readArguments } from './read-arguments.ts'

const WRITERS: Readonly<Record<Format, (ms: number) => string>> = {
  words: formatDuration,
  compact: formatCompact,
  clock: formatClock,
  iso: formatIso,
  ms: String,
}

function parseAny(text: string): number {
  if (/^[+-]?P/.test(text.trim())) return parseIso(text)
  return text.includes(':') ? parseClock(text) : parseDuration(text)
}

try {
  const args = readArguments(process.argv.slice(2))
  if (args.help) console.log(`Usage: timespan [--to ${FORMATS.join('|')}] <duration>`)
  else console.log(WRITERS[args.format](parseAny(args.text)))
} catch (error) {
  if (!(error instanceof DurationError)) throw error
  console.error(`timespan: ${error.message}`)
  process.exitCode = 2
}
