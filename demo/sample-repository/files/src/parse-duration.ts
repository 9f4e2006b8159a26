import { DurationError } from './duration-error.ts'
import { findUnit } from './find-unit.ts'
import { tokenize } from './tokenize.ts'
import { UNIT_FACTS } from './units.ts'

/**
 * Reads amounts with units: `1h 30m`, `90 minutes`, `1.5 hours`, `2 days and 3 hours`. A leading `-` or `+` counts for
 * the whole. Throws a DurationError that says where the text goes wrong.
 */
export function parseDuration(text: string): number {
  const signed = /^\s*([+-]?)/.exec(text)
  const offset = signed?.[0].length ?? 0
  const tokens = tokenize(text.slice(offset)).filter((token) => token.text.toLowerCase() !== 'and')
  if (tokens.length === 0) throw new DurationError('expected an amount with a unit, like 1h 30m', offset)

  let ms = 0
  for (let index = 0; index < tokens.length; index += 2) {
    const amount = tokens[index]
    const name = tokens[index + 1]
    if (amount === undefined || amount.kind !== 'number')
      throw new DurationError('expected a number', offset + (amount?.position ?? 0))
    const unit = name?.kind === 'word' ? findUnit(name.text) : undefined
    if (unit === undefined)
      throw new DurationError(`expected a unit after ${amount.text}`, offset + (name?.position ?? amount.position))
    ms += Number(amount.text) * UNIT_FACTS[unit].milliseconds
  }
  return signed?.[1] === '-' ? -ms : ms
}
