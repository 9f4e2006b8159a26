import type { DevBotError } from '@devbot/contracts'

/** What `promise` gives, or the error of `late` when it takes longer; what it gives after that is nobody's business. */
export async function withDeadline<T>(promise: Promise<T>, timeoutMs: number, late: () => DevBotError): Promise<T> {
  const { promise: deadline, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(late()), timeoutMs)
  try {
    return await Promise.race([promise, deadline])
  } finally {
    clearTimeout(timer)
  }
}
