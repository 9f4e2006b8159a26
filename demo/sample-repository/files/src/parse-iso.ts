import { DurationError } from './duration-error.ts'
import { UNIT_FACTS, type Unit } from './units.ts'

const ISO =
  /^(?<sign>[+-]?)P(?=\d|T\d)(?:(?<weeks>\d+)W)?(?:(?<days>\d+)D)?(?:T(?=\d)(?:(?<hours>\d+)H)?(?:(?<minutes>\d+)M)?(?:(?<seconds>\d+(?:\.\d+)?)S)?)?$/

const PARTS: readonly Unit[] = ['weeks', 'days', 'hours', 'minutes', 'seconds']

/** Reads ISO 8601 durations of weeks and smaller units: `PT1H30M`. Months and years have no fixed length and are refused. */
export function parseIso(text: string): number {
  const groups = ISO.exec(text.trim())?.groups
  if (groups === undefined) throw new DurationError(`expected a duration like PT1H30M, got ${JSON.stringify(text)}`)
  const ms = PARTS.reduce((sum, unit) => sum + Number(groups[unit] ?? 0) * UNIT_FACTS[unit].milliseconds, 0)
  return groups.sign === '-' ? -ms : ms
}
