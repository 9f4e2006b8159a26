import { DevBotError } from '@devbot/contracts'
import { z } from 'zod'
import type { ScriptRunner } from './redis/script-runner.ts'
import { readReply, replyText, unexpectedReply } from './script-reply.ts'

/** A system outside that wants to be left alone, and for how long. */
export type SharedWait = {
  /** `model:<model>`, `github:core`: chosen by who asks that system. */
  readonly name: string
  /** By this machine's clock (`Date.now`), so that it may be compared with it. */
  readonly untilMs: number
  /** Why, as a DevBotError's code. */
  readonly reason: string
}

/**
 * Waits that other systems asked for (rate limits, overload), shared by all workers and kept across restarts. Held as
 * durations by Redis' clock, so that machines whose clocks differ agree.
 */
export interface SharedWaits {
  /** The wait of this name, if it holds now. One round trip. */
  until(name: string): Promise<Omit<SharedWait, 'name'> | undefined>
  /** All that hold now. One round trip. */
  all(): Promise<readonly SharedWait[]>
  /**
   * Has everybody wait until then (by this machine's clock), an hour from now at most. A shorter wait never ends a
   * longer one, one that is over changes nothing. At most 64 names; a further one takes the place of what ends first.
   */
  extend(name: string, untilMs: number, reason: string): Promise<void>
}

/** Longest wait that is believed: no rate limit's window is longer. */
const MAX_SHARED_WAIT_MS = 3_600_000
const MAX_NAMES = 64
const MAX_NAME_CHARACTERS = 200
const MAX_REASON_CHARACTERS = 100

/** `now` is this machine's clock. */
export function createSharedWaits(scripts: ScriptRunner, now: () => number = Date.now): SharedWaits {
  const all = async () => readWaits(await scripts.run('waits'), now())
  return {
    all,
    until: async (name) => (await all()).find((wait) => wait.name === name),
    extend: async (name, untilMs, reason) => {
      checkText('name', name, MAX_NAME_CHARACTERS)
      checkText('reason', reason, MAX_REASON_CHARACTERS)
      const waitMs = Math.min(Math.ceil(untilMs - now()), MAX_SHARED_WAIT_MS)
      if (waitMs > 0) await scripts.run('extend-wait', name, waitMs, reason, MAX_NAMES)
    },
  }
}

function readWaits(reply: unknown, nowMs: number): readonly SharedWait[] {
  const texts = readReply(z.array(replyText), reply)
  const waits: SharedWait[] = []
  for (let index = 0; index < texts.length; index += 3) {
    const [name, leftMs, reason] = texts.slice(index, index + 3)
    if (name === undefined || leftMs === undefined || reason === undefined) throw unexpectedReply(texts)
    waits.push({ name, untilMs: nowMs + Number(leftMs), reason })
  }
  return waits
}

function checkText(what: string, text: string, maxCharacters: number): void {
  if (text !== '' && text.length <= maxCharacters) return
  throw new DevBotError({
    category: 'bug',
    code: 'shared-wait',
    message: `expected the ${what} of a wait to have 1 to ${maxCharacters} characters, it has ${text.length}`,
  })
}
