import { z } from 'zod'

/** What a person can tell a task besides what to change: on the command line, or as a comment on its pull request. */
export const taskCommandSchema = z.enum(['cancel', 'pause', 'resume', 'retry'])
export type TaskCommand = z.infer<typeof taskCommandSchema>

/** The first line of a comment, alone; what follows may say why. `/devbot cancel the timer` is feedback. */
const COMMAND_LINE = /^\s*\/devbot[ \t]+([a-z]+)[ \t]*(?:\r?\n|$)/i

/** The command that a comment is, if it is one. */
export function commandIn(body: string): TaskCommand | undefined {
  const word = COMMAND_LINE.exec(body)?.[1]?.toLowerCase()
  return taskCommandSchema.safeParse(word).data
}
