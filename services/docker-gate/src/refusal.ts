/** A request that is answered with no. Thrown anywhere, answered and logged in one place, in Docker's shape (`{message}`). */
export class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string, options?: { readonly cause: unknown }) {
    super(message, options)
    this.name = 'Refusal'
    this.status = status
  }
}

/** Not one of DevBot's calls, or not the body that such a call has. */
export const forbidden = (why: string) => new Refusal(403, `docker-gate refuses this: ${why}`)

/** The same for what does not exist and what belongs to somebody else. */
export const notOurs = (what: 'container' | 'exec' | 'volume') =>
  new Refusal(404, `No such ${what} of this DevBot instance`)

/** Text that a client chose, short and printable, for messages and the log. */
export function shown(text: string): string {
  const printable = text.replace(/[^ -~]/g, '?')
  return printable.length > 120 ? `${printable.slice(0, 120)}...` : printable
}
