import { z } from 'zod'
import { objectIdSchema } from './ids.ts'

/**
 * How long `packed` may be: half of what an active task may take in Redis. It holds a change of some megabytes of text; a
 * larger one can be gone on with only where the store is.
 */
export const MAX_PACKED_CHECKPOINT_CHARACTERS = 512 * 1024

/** The work of a run as it was after a turn, kept outside the sandbox. The newest one per run is kept. */
export const checkpointSchema = z.object({
  version: z.literal(1),
  runId: z.string(),
  /** The last turn whose changes are in it. */
  turn: z.int().nonnegative(),
  /** The tree that the run started from. */
  startTreeId: objectIdSchema,
  /** The tree with the work, in the bare store of the host that took it. */
  treeId: objectIdSchema,
  /** The change from the one tree to the other, so that a host without that store can go on; absent when too large. */
  packed: z.string().max(MAX_PACKED_CHECKPOINT_CHARACTERS).optional(),
})
export type Checkpoint = z.infer<typeof checkpointSchema>
