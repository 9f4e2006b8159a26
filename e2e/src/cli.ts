import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Stack } from '@devbot/demo'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Runs one command of the operator's command line against a stack, as it would beside compose. */
export async function devbot(
  stack: Pick<Stack, 'env'>,
  ...args: readonly string[]
): Promise<{ readonly exitCode: number | null; readonly said: string; readonly tookMs: number }> {
  const startedMs = performance.now()
  const child = spawn(process.execPath, ['services/cli/src/main.ts', ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...stack.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { exitCode: child.exitCode, said: out + err, tookMs: Math.round(performance.now() - startedMs) }
}
