import { UNIT_FACTS, UNITS, type Unit } from './units.ts'

/** The unit of a name or symbol, in any case; undefined for an unknown one. */
export function findUnit(name: string): Unit | undefined {
  const wanted = name.toLowerCase()
  return UNITS.find((unit) => UNIT_FACTS[unit].names.includes(wanted))
}
