/** An answer that says no, in the shape of GitHub's errors. Thrown by handlers, answered in one place. */
export class Refusal extends Error {
  readonly status: number
  readonly errors: readonly unknown[] | undefined

  constructor(status: number, message: string, errors?: readonly unknown[]) {
    super(message)
    this.name = 'Refusal'
    this.status = status
    this.errors = errors
  }
}

export const notFound = () => new Refusal(404, 'Not Found')
export const forbidden = () => new Refusal(403, 'Resource not accessible by personal access token')
export const validationFailed = (...errors: readonly unknown[]) => new Refusal(422, 'Validation Failed', errors)

/** The body GitHub sends with an error. */
export function refusalBody(refusal: Refusal) {
  return {
    message: refusal.message,
    ...(refusal.errors === undefined ? {} : { errors: refusal.errors }),
    documentation_url: 'https://docs.github.com/rest',
    status: String(refusal.status),
  }
}
