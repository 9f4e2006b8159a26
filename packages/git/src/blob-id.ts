import { createHash } from 'node:crypto'
import { type ObjectId, objectIdSchema } from '@devbot/contracts'

/** The id git gives to a blob with these bytes. */
export function blobIdFor(bytes: Uint8Array): ObjectId {
  return objectIdSchema.parse(createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex'))
}
