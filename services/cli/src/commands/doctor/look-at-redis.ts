import { describePause } from '../pause-commands.ts'
import { withLedger } from '../with-ledger.ts'
import type { Answer } from './finding.ts'

export async function lookAtRedis(): Promise<Answer> {
  return withLedger(async (ledger) => {
    await ledger.checkSafety()
    const pause = await ledger.pause()
    if (pause !== undefined) return { weak: `${describePause(pause)}; go on with: devbot resume --all` }
    return `answers and is set safely; ${await ledger.countTasks()} tasks so far`
  })
}
