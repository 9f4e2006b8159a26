import { DevBotError } from '@devbot/contracts'

/** What one check found. `weak` works, but a person should know. */
export type Finding = {
  readonly name: string
  readonly state: 'ok' | 'weak' | 'missing'
  /** What was found, or what is missing and how to mend it. */
  readonly detail: string
}

/** What a check answers: everything is well, or it works but not as it should. */
export type Answer = string | { readonly weak: string }

export type Check = { readonly name: string; readonly look: () => Promise<Answer> }

/** Thrown by a check: this has to be mended before DevBot can work. */
export function missing(message: string, cause?: unknown): DevBotError {
  return new DevBotError({ category: 'config', code: 'doctor-finding', message, cause })
}

/** Makes a check's ending a finding. Only errors of ours are findings; anything else is a bug and goes on. */
export async function examine({ name, look }: Check): Promise<Finding> {
  try {
    const answer = await look()
    return typeof answer === 'string'
      ? { name, state: 'ok', detail: answer }
      : { name, state: 'weak', detail: answer.weak }
  } catch (error) {
    if (!(error instanceof DevBotError)) throw error
    return { name, state: 'missing', detail: error.message }
  }
}
