import { DevBotError, type ErrorCode } from '@devbot/contracts'

/** The promise's result, or a DevBotError of category `transient` after `timeoutMs`. What it waited for goes on. */
export async function withDeadline<T>(promise: Promise<T>, timeoutMs: number, code: ErrorCode): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late(timeoutMs, code)), timeoutMs)
  })
  try {
    return await Promise.race([promise, deadline])
  } finally {
    clearTimeout(timer)
  }
}

function late(timeoutMs: number, code: ErrorCode): DevBotError {
  return new DevBotError({
    category: 'transient',
    code,
    message: `expected an answer within ${timeoutMs} ms, none came`,
  })
}
