import { setTimeout as delay } from 'node:timers/promises'
import { createCollector } from '../export/collect-output.ts'
import type { DockerClient } from './docker-client.ts'
import { engineError } from './engine-error.ts'
import { createExecProcess } from './exec-process.ts'

/** Our own programs print a few lines. */
const MAX_OUTPUT_BYTES = 65_536

type RunInput = {
  readonly client: DockerClient
  readonly containerId: string
  readonly user: string
  readonly argv: readonly string[]
  readonly timeoutMs: number
}

/**
 * Runs one of our own short programs in a container. Undefined when it gave no answer in time, or more than it may say.
 * Throws DevBotError `sandbox` when the engine cannot start it.
 */
export async function runInContainer(
  input: RunInput,
): Promise<{ readonly exitCode: number; readonly output: string } | undefined> {
  const { client, containerId, user, argv, timeoutMs } = input
  const execId = await client.createExec(containerId, { argv, user })
  const stream = await client.startExec(execId)
  const isRunning = async () => (await client.inspectContainer(containerId))?.running ?? false
  const process = createExecProcess({ client, execId, stream, isRunning, kill: async () => undefined })
  const output = createCollector(MAX_OUTPUT_BYTES, () =>
    engineError('reading a short answer', undefined, 'its address'),
  )
  process.stderr.resume()
  process.stdin.end()
  const done = Promise.withResolvers<boolean>()
  process.stdout.pipe(output.sink)
  output.sink.once('finish', () => done.resolve(true)).once('error', () => done.resolve(false))
  const timer = new AbortController()
  try {
    const late = delay(timeoutMs, undefined, { signal: timer.signal, ref: false }).catch(() => undefined)
    const exitCode = await Promise.race([process.exitCode, late])
    if (exitCode === undefined || !(await Promise.race([done.promise, late]))) return undefined
    return { exitCode, output: output.bytes().toString('latin1') }
  } finally {
    timer.abort()
    stream.destroy()
  }
}
