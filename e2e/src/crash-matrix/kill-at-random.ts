import { setTimeout as sleep } from 'node:timers/promises'
import type { Stack } from '@devbot/demo'
import { newRandom } from '../seeded-random.ts'

/** Between two kills; a story takes some seconds, so most see one or two. */
const PAUSE_MS = { least: 300, most: 3_000 }
const SERVICES = ['worker', 'worker', 'worker', 'watcher', 'webhook-ingress'] as const

/** Kills services at moments that a seed determines, while `work` goes on; returns how often. The worker is started again by whoever looks after it. */
export async function killAtRandom(
  stack: Stack,
  { seed, randomKills }: { readonly seed: number; readonly randomKills: number },
  work: () => Promise<void>,
): Promise<number> {
  const random = newRandom(seed + 1)
  let kills = 0
  let over = randomKills === 0
  const killing = async () => {
    while (!over && kills < randomKills) {
      await sleep(PAUSE_MS.least + random() * (PAUSE_MS.most - PAUSE_MS.least))
      const name = SERVICES[Math.floor(random() * SERVICES.length)] ?? 'worker'
      const service = stack.service(name)
      await service.kill()
      kills += 1
      if (name !== 'worker') await service.start()
    }
  }
  const killer = killing()
  await work()
  over = true
  await killer
  return kills
}
