import { oneLine } from './agent-tool.ts'
import type { ReplyVerdict } from './judge-reply.ts'

/** How many replies of a kind in a row, none of which led to a call, end the run. The first ones are answered with a nudge. */
const LIMITS = { talk: 2, pause: 5, cut: 3 } as const

type Silence = keyof typeof LIMITS

/**
 * Notices an agent that only talks, pauses, or is cut off again and again. `note` takes each reply and gives the reason
 * once it is enough. Kinds are counted apart, so that a pause does not use up the nudge of a talk; a reply whose calls
 * were carried out starts all of them anew.
 */
export function createSilenceGuard() {
  const counts: Record<Silence, number> = { talk: 0, pause: 0, cut: 0 }
  return {
    note(verdict: ReplyVerdict, calls: number, stopReason: string): string | undefined {
      if (verdict.kind !== 'cut' && calls > 0) {
        counts.talk = counts.pause = counts.cut = 0
        return undefined
      }
      const silence = verdict.kind === 'paused' ? 'pause' : verdict.kind === 'cut' ? 'cut' : 'talk'
      counts[silence] += 1
      return counts[silence] >= LIMITS[silence] ? reasonOf(silence, stopReason) : undefined
    },
  }
}

function reasonOf(silence: Silence, stopReason: string): string {
  const times = `${LIMITS[silence]} times in a row without a tool call`
  switch (silence) {
    case 'talk':
      return `The agent replied ${times}, with words only.`
    case 'pause':
      return `The agent's replies were paused ${times}.`
    case 'cut':
      return `The agent's replies came to no whole call ${times} (stop reason "${oneLine(stopReason, 60)}").`
  }
}
