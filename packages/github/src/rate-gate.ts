import { DevBotError } from '@devbot/contracts'

/** What all workers wait for together; where it is kept is not this package's business. Both answer at once. */
export type SharedRateWaits = {
  /** By `Date.now`. */
  readonly until: (name: string) => { readonly untilMs: number } | undefined
  readonly extend: (name: string, untilMs: number, reason: string) => void
}

/** Below this share of an hour's requests nobody asks any more until the hour is over: people's own tools need some. */
const RESERVED_SHARE = 0.01
/** GitHub's window for requests; a later reset is a wrong clock. */
const MAX_WAIT_MS = 3_600_000

export type RateGate = {
  /** Throws `transient`, code `github-rate-limited`, while GitHub wants to be left alone. */
  readonly pass: () => void
  /** A request was refused for its rate. */
  readonly refused: (error: unknown) => void
  /** What an answer says of the requests that are left. */
  readonly observe: (headers: Readonly<Record<string, unknown>>) => void
}

/** Whether GitHub may be asked with the credentials that `name` stands for; what one worker learns holds for all. */
export function createRateGate(name: string, waits: SharedRateWaits | undefined): RateGate {
  let ownUntilMs = 0
  const learn = (waitMs: number) => {
    const untilMs = Date.now() + Math.min(waitMs, MAX_WAIT_MS)
    if (untilMs <= ownUntilMs) return
    ownUntilMs = untilMs
    waits?.extend(name, untilMs, 'github-rate-limited')
  }
  return {
    pass() {
      const leftMs = Math.max(ownUntilMs, waits?.until(name)?.untilMs ?? 0) - Date.now()
      if (leftMs <= 0) return
      const retryAfterMs = Math.min(leftMs, MAX_WAIT_MS)
      throw new DevBotError({
        category: 'transient',
        code: 'github-rate-limited',
        message: `GitHub's rate limit is reached or nearly used up; all workers ask again in ${Math.ceil(retryAfterMs / 1000)} s`,
        retryAfterMs,
      })
    },
    refused(error) {
      if (!(error instanceof DevBotError) || error.code !== 'github-rate-limited') return
      learn(error.retryAfterMs ?? 0)
    },
    observe(headers) {
      const [limit, remaining, resetSeconds] = ['limit', 'remaining', 'reset'].map((part) =>
        Number(headers[`x-ratelimit-${part}`] ?? Number.NaN),
      )
      if (limit === undefined || remaining === undefined || resetSeconds === undefined) return
      // Other resources (search, GraphQL) have limits of their own.
      if ((headers['x-ratelimit-resource'] ?? 'core') !== 'core') return
      if (!(remaining < limit * RESERVED_SHARE)) return
      const serverMs = Date.parse(String(headers.date))
      learn(Math.max(0, resetSeconds * 1000 - (Number.isNaN(serverMs) ? Date.now() : serverMs)) + 1000)
    },
  }
}
