import { DevBotError } from '@devbot/contracts'
import { z } from 'zod'
import type { Ownership, SpendingAnswer, SpendingLedger, SpendingRequest } from './ledger.ts'
import { ownershipArguments } from './ownership-arguments.ts'
import type { ScriptRunner } from './redis/script-runner.ts'
import { readOwned, readReply, unexpectedReply } from './script-reply.ts'

const amount = z.coerce.number().int().nonnegative()

/** Money and rounds: what is spent, what is set aside, what the ceilings leave. */
export function createSpendingLedger(scripts: ScriptRunner): SpendingLedger {
  return {
    reserveSpending: (ownership, request) => reserve(scripts, ownership, request),
    settleSpending: async (ownership, reservationId, microUsd) => {
      const args = [...ownershipArguments(ownership), reservationId, checked('cost', microUsd)]
      readOwned(await scripts.run('settle-spending', ...args), ownership.taskId)
    },
    spentToday: async () => readReply(amount, await scripts.run('spent-today')),
    spentOnTask: async (taskId) => readReply(amount, await scripts.run('spent-on-task', taskId)),
    beginRound: async (ownership, round, maxPerDay) => {
      const reply = await scripts.run('begin-round', ...ownershipArguments(ownership), round, maxPerDay)
      const { kind, rest } = readOwned(reply, ownership.taskId)
      if (kind !== 'begun' && kind !== 'refused') throw unexpectedReply(kind)
      return { kind, roundsToday: readReply(amount, rest[0]) }
    },
  }
}

async function reserve(scripts: ScriptRunner, ownership: Ownership, request: SpendingRequest): Promise<SpendingAnswer> {
  const { reservationId, wantedMicroUsd, leastMicroUsd, assumedMicroUsd, ceilingMicroUsd } = request
  const reply = await scripts.run(
    'reserve-spending',
    ...ownershipArguments(ownership),
    reservationId,
    checked('worst case', wantedMicroUsd),
    checked('least', leastMicroUsd),
    checked('assumed cost', assumedMicroUsd),
    checked('ceiling', ceilingMicroUsd),
  )
  const { kind, rest } = readOwned(reply, ownership.taskId)
  if (kind === 'reserved') return { kind, microUsd: readReply(amount, rest[0]) }
  if (kind !== 'refused') throw unexpectedReply(kind)
  return { kind, spentMicroUsd: readReply(amount, rest[0]), reservedMicroUsd: readReply(amount, rest[1]) }
}

function checked(what: string, microUsd: number): number {
  if (Number.isSafeInteger(microUsd) && microUsd >= 0) return microUsd
  throw new DevBotError({
    category: 'bug',
    code: 'spending',
    message: `expected the ${what} in millionths of a dollar as a whole number from 0, got ${microUsd}`,
  })
}
