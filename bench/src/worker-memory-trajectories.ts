import type { TrajectoryInput } from '@devbot/replay-model'

const finish = {
  calls: [
    { tool: 'finish', input: { title: 'Take many turns', summary: 'Every step left its mark.', testing_notes: '-' } },
  ],
}

/** Turns of a second, enough of them for eight more runs to start beside the first. */
export const slowTrajectory: TrajectoryInput & { readonly match: string } = {
  name: 'slow',
  match: 'bench: slow',
  turns: [
    ...Array.from({ length: 400 }, (_, step) => ({
      delayMs: 1_000,
      calls: [
        step % 2 === 0
          ? {
              tool: 'shell',
              input: { command: `echo step ${step} >> progress.txt; cat src/*.ts | head -n ${60 + step}` },
            }
          : { tool: 'read', input: { path: 'src/index.ts', from_line: 1 + (step % 15) } },
      ],
    })),
    finish,
  ],
}

export const LONG_TURNS = 300

/** A run that is long in turns, not in time: its conversation grows by 2 KB a turn. */
export const longTrajectory: TrajectoryInput & { readonly match: string } = {
  name: 'long',
  match: 'bench: long',
  turns: [
    ...Array.from({ length: LONG_TURNS - 1 }, (_, step) => ({
      calls: [
        { tool: 'shell', input: { command: `echo step ${step} | tee -a progress.txt; head -c 2000 src/units.ts` } },
      ],
    })),
    finish,
  ],
}
