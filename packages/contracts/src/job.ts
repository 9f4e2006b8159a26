import { z } from 'zod'
import { taskIdSchema } from './ids.ts'

/** A job is only a wake-up: which task, and for the log why. What happened waits in the task's inbox. */
export const wakeUpSchema = z.object({ taskId: taskIdSchema, reason: z.string().max(100) })
export type WakeUp = z.infer<typeof wakeUpSchema>
