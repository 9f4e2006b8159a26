import { newRandom } from '../seeded-random.ts'
import type { CrashPoint } from './crash-points.ts'

export type PointChoice = {
  /** Only points whose name contains one of these; all when absent. */
  readonly patterns?: readonly string[]
  /** Every k-th of them, from the seed's place on; all when absent. */
  readonly every?: number
  /** So many of each pattern, chosen by the seed; all when absent. */
  readonly perPattern?: number
  readonly seed: number
}

/** The points of a recorded story that a run of the matrix kills at, in the order of the story. */
export function choosePoints(recorded: readonly CrashPoint[], choice: PointChoice): readonly CrashPoint[] {
  const { patterns, perPattern, every = 1, seed } = choice
  const random = newRandom(seed)
  const fitting = (pattern: string) => recorded.filter((point) => point.includes(pattern))
  const some = (points: readonly CrashPoint[]) =>
    perPattern === undefined ? points : shuffled(points, random).slice(0, perPattern)
  const chosen = new Set(patterns === undefined ? some(recorded) : patterns.flatMap((one) => some(fitting(one))))
  const first = Math.floor(random() * every)
  return recorded.filter((point) => chosen.has(point)).filter((_point, index) => index % every === first)
}

function shuffled<T>(list: readonly T[], random: () => number): readonly T[] {
  return list
    .map((value) => ({ value, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ value }) => value)
}
