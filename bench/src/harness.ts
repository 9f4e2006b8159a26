import { measureRestart, type Restarted } from './harness/measure-restart.ts'
import { measureTurns, type Played, type Player } from './harness/measure-turns.ts'
import { TURNS } from './harness/trajectory.ts'
import { measureJobToFirstRequest } from './job-to-first-request.ts'
import type { BenchResult, Figure } from './report/figure.ts'
import { printResult, say } from './report/print-result.ts'
import { measureWorkerMemory } from './worker-memory.ts'

/** What DevBot's agent costs in time, tokens and memory, beside the least one could write. */
export async function measureHarness(): Promise<BenchResult> {
  say('turns ...')
  const played = await measureTurns()
  say('restart ...')
  const restarted = await measureRestart()
  say('job to first request ...')
  const firstRequest = await measureJobToFirstRequest()
  say('worker memory ...')
  const memory = await measureWorkerMemory()
  return {
    figures: [...turnFigures(played), restartFigure(restarted), ...firstRequest.figures, ...memory.figures],
    notes: [...turnNotes(), restartNote(restarted, played), ...firstRequest.notes, ...memory.notes],
  }
}

function turnFigures({ host, persistent, execPerCall, devbot }: Readonly<Record<Player, Played>>): readonly Figure[] {
  return [
    {
      name: 'own time per turn',
      unit: 'ms',
      ours: devbot.ownMsPerTurn,
      baseline: { what: 'SDK, persistent shell in a container', value: persistent.ownMsPerTurn },
      others: [
        { what: 'SDK, child processes on the host', value: host.ownMsPerTurn },
        { what: 'SDK, one exec per call', value: execPerCall.ownMsPerTurn },
      ],
      design: 1.4 * persistent.ownMsPerTurn,
    },
    {
      name: 'system prompt and tools, bytes / 4',
      unit: 'tokens',
      ours: devbot.fixedTokens,
      baseline: { what: 'the floors', value: persistent.fixedTokens },
      design: 2_000,
    },
    {
      name: 'cost index of the trajectory',
      unit: 'tokens',
      ours: devbot.costIndex,
      baseline: { what: 'SDK, persistent shell', value: persistent.costIndex },
      design: 1.1 * persistent.costIndex,
    },
    {
      name: 'input read from cache',
      unit: '%',
      ours: 100 * devbot.readShare,
      baseline: { what: 'SDK, persistent shell', value: 100 * persistent.readShare },
      design: 93,
      atLeast: true,
    },
    { name: 'turns that break the cached prefix', unit: '', ours: devbot.prefixBreaks, design: 0 },
  ]
}

function restartFigure({ prefixBreaks }: Restarted): Figure {
  return { name: 'the same, with the worker killed in mid-run', unit: '', ours: prefixBreaks, design: 0 }
}

function turnNotes(): readonly string[] {
  return [
    `own time per turn: ${TURNS} turns on the demo's sample repository; from the answer of turn 2 (all that is made ready beside the run is there) to the last request, less what \`node --test\` says it took inside; medians of 3 runs after one that warms up. The replayed model thinks for half a second, which is taken off; what else it needs is in all of them. DevBot takes its checkpoints beside the request. DevBot: the real worker as compose starts it, with ledger (appendfsync always), gate and hardened pod. The floors: the vendor's SDK in a process of its own, the same calls, no ledger, no limits.`,
    "cost index: input 1.0, cache write 1.25, cache read 0.1, output 5.0 per token, by the replayed model's prompt cache. A break is a request that does not begin with the whole of the one before (tools, system prompt, messages).",
    'without a container, on the machine of the issue: pi 1.5 9.2 ms per turn, Gemini CLI 20, Claude Code 2.1 34, Codex 55, opencode 173; cost index pi 36.5 k, opencode 63 k, Codex 70 k, Claude Code 132 k beside a floor of 33.8 k.',
  ]
}

function restartNote(restarted: Restarted, { devbot }: Readonly<Record<Player, Played>>): string {
  const times = restarted.costIndex / devbot.costIndex
  return `a worker killed while the model thinks about turn 15 of ${TURNS}: ${restarted.requests} requests instead of ${TURNS + 1}, cost index ${times.toFixed(2)} times that of a run without.`
}

if (import.meta.main) await printResult(measureHarness)
