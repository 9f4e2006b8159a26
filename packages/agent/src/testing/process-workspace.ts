import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ExecOptions, ExecResult } from '@devbot/contracts'
import type { Workspace } from '../ports.ts'

export type ProcessWorkspace = Workspace & AsyncDisposable & { readonly root: string }

/** A workspace in a temporary folder whose commands are real child processes. For tests: it isolates nothing. */
export async function createProcessWorkspace(options: { readonly path?: string } = {}): Promise<ProcessWorkspace> {
  const root = await mkdtemp(join(tmpdir(), 'devbot-agent-'))
  return {
    root,
    exec: (command, execOptions) => execIn(root, command, execOptions, options.path),
    readFile: (path, { maxBytes }) => readIn(join(root, path), maxBytes),
    async writeFile(path, bytes) {
      try {
        await mkdir(dirname(join(root, path)), { recursive: true })
        await writeFile(join(root, path), bytes)
        return { kind: 'written' }
      } catch (error) {
        return { kind: 'failed', reason: codeOf(error) }
      }
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}

async function readIn(path: string, maxBytes: number): ReturnType<Workspace['readFile']> {
  try {
    const facts = await stat(path)
    if (facts.isDirectory()) return { kind: 'directory' }
    if (!facts.isFile()) return { kind: 'not-a-file' }
    await using file = await open(path)
    const buffer = new Uint8Array(Math.min(maxBytes, facts.size))
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, 0)
    return { kind: 'file', bytes: buffer.subarray(0, bytesRead), totalBytes: facts.size }
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return { kind: 'missing' }
    if (codeOf(error) === 'EACCES') return { kind: 'no-permission' }
    throw error
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}

function execIn(
  root: string,
  command: string,
  options: ExecOptions,
  path = '/usr/local/bin:/usr/bin:/bin',
): Promise<ExecResult> {
  const startedMs = Date.now()
  // A group of its own, so that a timeout ends what the command started, too.
  const child = spawn('/bin/sh', ['-c', command], {
    cwd: root,
    env: { PATH: path },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = createHeadAndTail(options.maxOutputBytes)
  child.stdout.on('data', output.take)
  child.stderr.on('data', output.take)
  let ended: 'timed-out' | 'aborted' | undefined
  const kill = (why: 'timed-out' | 'aborted') => {
    ended ??= why
    if (child.pid !== undefined) killGroup(child.pid)
  }
  const timer = setTimeout(() => kill('timed-out'), options.timeoutMs)
  const onAbort = () => kill('aborted')
  options.signal?.addEventListener('abort', onAbort, { once: true })
  if (options.signal?.aborted) onAbort()
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', onAbort)
      resolve({
        ...(code === null || ended !== undefined ? {} : { exitCode: code }),
        timedOut: ended === 'timed-out',
        aborted: ended === 'aborted',
        durationMs: Date.now() - startedMs,
        ...output.result(),
      })
    })
  })
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // The group is gone already.
    if (codeOf(error) !== 'ESRCH') throw error
  }
}

function createHeadAndTail(maxBytes: number) {
  const half = Math.floor(maxBytes / 2)
  let head = Buffer.alloc(0)
  let tail = Buffer.alloc(0)
  let total = 0
  return {
    take(chunk: Buffer) {
      total += chunk.byteLength
      const room = half - head.byteLength
      head = Buffer.concat([head, chunk.subarray(0, room)])
      tail = Buffer.concat([tail, chunk.subarray(room)]).subarray(-half)
    },
    result: () => ({ output: new Uint8Array(Buffer.concat([head, tail])), totalOutputBytes: total }),
  }
}
