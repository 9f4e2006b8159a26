import { createInventoryBuilder, type TestInventory, type TestStatus } from './inventory.ts'

/** Attributes of one tag that are looked at. */
const MAX_TAG_CHARACTERS = 20_000

type Case = { readonly name: string; status: TestStatus }

/**
 * The test cases in JUnit XML files, as Maven, Gradle, pytest, vitest, jest, node and others write them; undefined when
 * there is none. A scan for tags, not an XML parser: no entity is declared or expanded, and a file that is cut or
 * malformed tells what comes before.
 */
export function readJunitXml(files: readonly string[]): TestInventory | undefined {
  const builder = createInventoryBuilder()
  for (const xml of files) {
    let open: Case | undefined
    const close = () => {
      if (open !== undefined) builder.add(open.name, open.status)
      open = undefined
    }
    for (const tag of tagsOf(xml)) {
      if (tag.name === 'testcase') {
        close()
        if (tag.kind === 'end') continue
        open = { name: caseName(tag.text), status: 'passed' }
        if (tag.kind === 'empty') close()
      } else if (open !== undefined && tag.kind !== 'end') {
        if (tag.name === 'failure' || tag.name === 'error') open.status = 'failed'
        else if (tag.name === 'skipped' && open.status === 'passed') open.status = 'skipped'
      }
    }
    close()
  }
  return builder.finish('junit', { passesNamed: true })
}

type Tag = { readonly kind: 'start' | 'end' | 'empty'; readonly name: string; readonly text: string }

/** Start, end and empty tags in order; texts, comments, declarations and CDATA are skipped. */
function* tagsOf(xml: string): Generator<Tag> {
  for (let at = xml.indexOf('<'); at !== -1; at = xml.indexOf('<', at)) {
    const skipped = SKIPPED.find(([start]) => xml.startsWith(start, at))
    if (skipped !== undefined) {
      const end = xml.indexOf(skipped[1], at + skipped[0].length)
      if (end === -1) return
      at = end + skipped[1].length
      continue
    }
    const end = tagEnd(xml, at + 1)
    if (end === -1) return
    const text = xml.slice(at + 1, Math.min(end, at + MAX_TAG_CHARACTERS))
    const name = /^\/?([A-Za-z][\w.:-]{0,100})/.exec(text)?.[1]
    const kind = text.startsWith('/') ? 'end' : xml.charAt(end - 1) === '/' ? 'empty' : 'start'
    if (name !== undefined) yield { kind, name, text }
    at = end + 1
  }
}

const SKIPPED: readonly (readonly [start: string, end: string])[] = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
  ['<!', '>'],
]

/** The `>` that ends a tag; one in a quoted value does not. */
function tagEnd(xml: string, from: number): number {
  let quote: string | undefined
  for (let at = from; at < xml.length; at += 1) {
    const char = xml.charAt(at)
    if (quote !== undefined) {
      if (char === quote) quote = undefined
    } else if (char === '"' || char === "'") quote = char
    else if (char === '>') return at
  }
  return -1
}

function caseName(tag: string): string {
  const attributes = new Map(
    [...tag.matchAll(/\s([\w.:-]{1,100})\s{0,10}=\s{0,10}(?:"([^"]*)"|'([^']*)')/g)].map(([, name, one, other]) => [
      name,
      decoded(one ?? other ?? ''),
    ]),
  )
  const name = attributes.get('name') ?? ''
  const group = attributes.get('classname') ?? attributes.get('file') ?? ''
  return group === '' ? name : `${group} > ${name}`
}

const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

function decoded(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(lt|gt|amp|quot|apos));/gi, (all, decimal, hex, name) => {
    if (name !== undefined) return NAMED[String(name).toLowerCase()] ?? all
    const code = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal)
    return code <= 0x10ffff ? String.fromCodePoint(code) : all
  })
}
