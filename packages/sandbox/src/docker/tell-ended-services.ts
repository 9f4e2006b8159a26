import type { ExecResult } from '@devbot/contracts'
import type { Sandbox } from '../sandbox.ts'

/**
 * The same sandbox, but a command that failed beside a side service that has ended says so at the end of its output:
 * whoever reads it would look for the fault in the code. `whichEnded` gives a sentence for each.
 */
export function tellEndedServices(sandbox: Sandbox, whichEnded: () => Promise<readonly string[]>): Sandbox {
  async function told(result: ExecResult): Promise<ExecResult> {
    if (result.exitCode === 0 || result.aborted) return result
    // What cannot be asked now keeps nobody from the result.
    const ended = await whichEnded().catch(() => [])
    if (ended.length === 0) return result
    const note = Buffer.from(`\n${ended.map((sentence) => `[DevBot: ${sentence}]`).join('\n')}\n`)
    return {
      ...result,
      output: Buffer.concat([result.output, note]),
      totalOutputBytes: result.totalOutputBytes + note.length,
    }
  }
  return {
    ...sandbox,
    exec: async (command, options) => told(await sandbox.exec(command, options)),
    run: async (command, options) => told(await sandbox.run(command, options)),
    [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose](),
  }
}
