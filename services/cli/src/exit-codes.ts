/** What the command line's exit codes mean; part of the outside contract (DESIGN.md 10). */
export const EXIT = { done: 0, failed: 1, badInput: 2, needsPerson: 3 } as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]
