/** The system's name of an error (`ECONNREFUSED`), for a message. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}
