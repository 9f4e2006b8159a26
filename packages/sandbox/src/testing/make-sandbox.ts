import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { ExecResult } from '@devbot/contracts'
import { pack } from 'tar-stream'
import { createProcessDriver } from '../process/process-driver.ts'
import type { Sandbox, SandboxDriver, SandboxSpec } from '../sandbox.ts'
import { markOwn } from './own-processes.ts'

export const specForTests: SandboxSpec = {
  purpose: 'agent',
  instance: 'test',
  taskId: 'task',
  runId: 'run',
  epoch: 1,
  limits: { memoryBytes: 1e9, diskBytes: 1e9, cpus: 1, processes: 256, maxMinutes: 10 },
}

/** A process driver in a temporary folder of its own. */
export function makeDriver(pathEnvironment: string): { driver: SandboxDriver; root: string; remove(): void } {
  const root = mkdtempSync(join(tmpdir(), 'devbot-sandboxes-'))
  markOwn(root)
  const driver = createProcessDriver({ rootDirectory: root, pathEnvironment, instance: 'test' })
  return { driver, root, remove: () => rmSync(root, { recursive: true, force: true }) }
}

export const generous = { timeoutMs: 30_000, maxOutputBytes: 100_000 }

export function text(result: Pick<ExecResult, 'output'>): string {
  return Buffer.from(result.output).toString('utf8')
}

/** Runs a command and expects it to succeed. */
export async function sh(sandbox: Sandbox, command: string): Promise<string> {
  const result = await sandbox.exec(command, generous)
  if (result.exitCode !== 0) throw new Error(`${command} ended with ${result.exitCode}: ${text(result)}`)
  return text(result)
}

/** A tar stream of files by path; `mode` 0o755 for names that end with `.sh`. */
export function tarOf(files: Readonly<Record<string, string>>): Readable {
  const tar = pack()
  for (const [name, content] of Object.entries(files))
    tar.entry({ name, mode: name.endsWith('.sh') ? 0o755 : 0o644 }, content)
  tar.finalize()
  return Readable.from(tar)
}
