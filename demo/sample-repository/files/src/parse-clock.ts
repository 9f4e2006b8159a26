import { DurationError } from './duration-error.ts'

const CLOCK = /^\s*(?<sign>[+-]?)(?<hours>\d+):(?<minutes>\d{1,2})(?::(?<seconds>\d{1,2}(?:\.\d{1,3})?))?\s*$/

/** Reads `hours:minutes` and `hours:minutes:seconds`, with up to three decimals in the seconds. */
export function parseClock(text: string): number {
  const groups = CLOCK.exec(text)?.groups
  if (groups === undefined) throw new DurationError(`expected a time like 01:30:00, got ${JSON.stringify(text)}`)
  const minutes = Number(groups.minutes)
  const seconds = Number(groups.seconds ?? 0)
  if (minutes >= 60 || seconds >= 60)
    throw new DurationError(`expected minutes and seconds below 60, got ${JSON.stringify(text)}`)
  const ms = Number(groups.hours) * 3_600_000 + minutes * 60_000 + Math.round(seconds * 1000)
  return groups.sign === '-' ? -ms : ms
}
