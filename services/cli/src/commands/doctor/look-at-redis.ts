import { withLedger } from '../with-ledger.ts'
import type { Answer } from './finding.ts'

export async function lookAtRedis(): Promise<Answer> {
  return withLedger(async (ledger) => {
    await ledger.checkSafety()
    return `answers and is set safely; ${await ledger.countTasks()} tasks so far`
  })
}
