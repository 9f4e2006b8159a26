const open = new Set<AsyncDisposableStack>()

/**
 * Has these parts stopped and removed when a bench is told to end: Ctrl-C, or a caller's timeout. Without it containers,
 * processes and folders would stay, because nobody comes to the end of a block any more.
 */
export function disposeWhenInterrupted(parts: AsyncDisposableStack): void {
  if (open.size === 0) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal)
  open.add(parts)
  parts.defer(() => {
    open.delete(parts)
    if (open.size === 0) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal)
  })
}

/** Exit code of a shell for a process that was told to end. */
const INTERRUPTED = 130

let told = false

/** Waits for ever when the bench was told to end: what fails then fails because its parts are being stopped. */
export async function untilStoppedIfInterrupted(): Promise<void> {
  if (told) await new Promise<never>(() => undefined)
}

function onSignal(): void {
  told = true
  process.stderr.write('told to end; stopping what was started ...\n')
  Promise.allSettled([...open].map((parts) => parts.disposeAsync())).finally(() => process.exit(INTERRUPTED))
}
