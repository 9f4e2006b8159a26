import { expect, it } from 'vitest'
import { runCrashMatrix } from './src/crash-matrix/run-crash-matrix.ts'

/** One point of each, chosen by the seed; all of them by `pnpm crash-matrix`. */
const PATTERNS = [
  'store.push',
  'github.createPullRequest',
  'github.replyToInlineComment',
  'ledger.save:',
  'ledger.saveCheckpoint',
  'ledger.appendTurn.reply:1:after',
  'report.rename',
]
const SEED = 11

it('leaves the same outside as an undisturbed run, wherever the worker is killed', async () => {
  const lines: string[] = []
  const result = await runCrashMatrix({
    patterns: PATTERNS,
    perPattern: 1,
    seed: SEED,
    randomKills: 0,
    maxPoints: PATTERNS.length,
    say: (line) => lines.push(line),
  })
  const killed = result.plans.filter(({ point }) => point !== undefined)
  const problems = killed.map(({ point, reached, repeatedCalls, problems: found }) => ({
    point,
    found: [...found, ...(reached ? [] : ['not reached']), ...(repeatedCalls > 1 ? [`${repeatedCalls} calls`] : [])],
  }))
  expect(problems.filter(({ found }) => found.length > 0)).toEqual([])
  expect(result.problems).toEqual([])
  expect(killed).toHaveLength(PATTERNS.length)
}, 240_000)
