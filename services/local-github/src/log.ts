/** The part of a pino logger that this service uses. */
export type Log = {
  readonly info: (facts: object, message: string) => void
  readonly warn: (facts: object, message: string) => void
  readonly error: (facts: object, message: string) => void
}

const nothing = () => undefined
/** For callers that want no log. */
export const silentLog: Log = { info: nothing, warn: nothing, error: nothing }
