import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { MAX_PACKED_CHECKPOINT_CHARACTERS } from '@devbot/contracts'
import type { TreeChange } from '@devbot/git'
import { z } from 'zod'

/** Beyond this nothing that people write fits when it is packed; the time to find out is saved. */
const MAX_UNPACKED_BYTES = 8 * 1024 * 1024
/** The list of contents of 5,000 paths of the greatest length. */
const MAX_CONTENTS_BYTES = 32 * 1024 * 1024

const entrySchema = z.union([
  z.tuple([z.string()]),
  z.tuple([z.string(), z.enum(['100644', '100755', '120000']), z.int().nonnegative()]),
])

/** A change as text: a line of JSON with paths, modes and lengths, then the bytes, compressed. Undefined when it is too large. */
export async function packChange(changes: readonly TreeChange[]): Promise<string | undefined> {
  const puts = changes.filter((change) => change.kind === 'put')
  const totalBytes = puts.reduce((sum, { bytes }) => sum + bytes.length, 0)
  if (totalBytes > MAX_UNPACKED_BYTES) return undefined
  const contents = [...changes.filter(({ kind }) => kind === 'delete').map(({ path }) => [path]), ...puts.map(lineOf)]
  const whole = Buffer.concat([Buffer.from(`${JSON.stringify(contents)}\n`), ...puts.map(({ bytes }) => bytes)])
  const packed = (await promisify(gzip)(whole)).toString('base64')
  return packed.length > MAX_PACKED_CHECKPOINT_CHARACTERS ? undefined : packed
}

function lineOf({ path, mode, bytes }: Extract<TreeChange, { kind: 'put' }>) {
  return [path, mode, bytes.length]
}

/** The change again; undefined for what `packChange` did not make. */
export async function unpackChange(packed: string): Promise<readonly TreeChange[] | undefined> {
  const maxOutputLength = MAX_CONTENTS_BYTES + MAX_UNPACKED_BYTES
  const unzipped = await promisify(gunzip)(Buffer.from(packed, 'base64'), { maxOutputLength }).catch(() => undefined)
  if (unzipped === undefined) return undefined
  const endOfLine = unzipped.indexOf('\n')
  const contents = z.array(entrySchema).safeParse(parseJson(unzipped.toString('utf8', 0, endOfLine)))
  if (endOfLine === -1 || !contents.success) return undefined
  let at = endOfLine + 1
  const changes = contents.data.map(([path, mode, length = 0]): TreeChange => {
    if (mode === undefined) return { kind: 'delete', path }
    const bytes = new Uint8Array(unzipped.subarray(at, at + length))
    at += length
    return { kind: 'put', path, mode, bytes }
  })
  return at === unzipped.length ? changes : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // no list of contents either
  }
}
