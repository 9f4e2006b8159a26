import type { FrontMatterValue } from './front-matter.ts'
import { inertText } from './inert-text.ts'

/** Lists and maps as data; scalars as text, as written. An own property named like a prototype stays one. */
export function plainData(value: FrontMatterValue): unknown {
  switch (value.kind) {
    case 'empty':
      return undefined
    case 'scalar':
      return value.text
    case 'list':
      return value.items.map(plainData)
    case 'map':
      return Object.fromEntries(value.entries.map((entry) => [entry.key, plainData(entry.value)]))
  }
}

/** The value an issue speaks of, as deep as its path can be followed. */
export function valueAt(value: FrontMatterValue, path: readonly PropertyKey[]): FrontMatterValue {
  const [step, ...rest] = path
  if (value.kind === 'list' && typeof step === 'number') {
    const item = value.items[step]
    return item === undefined ? value : valueAt(item, rest)
  }
  if (value.kind === 'map') {
    // A map that is read as a list of its entries has them by number.
    const entry = typeof step === 'number' ? value.entries[step] : value.entries.find(({ key }) => key === step)
    return entry === undefined ? value : valueAt(entry.value, rest)
  }
  return value
}

/** What a value is, for a message. */
export function describeValue(value: FrontMatterValue): string {
  switch (value.kind) {
    case 'empty':
      return 'nothing'
    case 'scalar':
      return typeof value.value === 'string'
        ? `\`${inertText(value.text)}\`${value.text.length > 60 ? ` (${value.text.length} characters)` : ''}`
        : `the ${typeof value.value} \`${inertText(value.text)}\``
    case 'list':
      return value.items.length === 0 ? 'an empty list' : `a list of ${value.items.length}`
    case 'map':
      return value.entries.length === 0
        ? 'an empty map'
        : `keys and values (${inertText(value.entries.map((entry) => entry.key).join(', '))})`
  }
}

/** A schema's own words on a value, which may hold the value. */
export function inertDetail(message: string): string {
  return message.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}`]/gu, '?').slice(0, 200)
}
