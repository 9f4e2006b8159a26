import { execFile } from 'node:child_process'
import { PassThrough } from 'node:stream'
import Docker from 'dockerode'

/** Runs one command where the tools work: its output, both streams together, and its exit code. */
export type Execute = (command: string) => Promise<{ readonly output: string; readonly exitCode: number }>
export type Executor = { readonly execute: Execute; readonly close: () => void }

/** Where a floor's tools work: a folder of this machine, or `/work` in a container. */
export type FloorPlace =
  | { readonly kind: 'host'; readonly folder: string }
  | { readonly kind: 'persistent' | 'exec-per-call'; readonly container: string; readonly socketPath: string }

const MAX_OUTPUT_BYTES = 1024 * 1024
const WORKSPACE = '/work'

export async function openExecutor(place: FloorPlace): Promise<Executor> {
  if (place.kind === 'host') return { execute: onHost(place.folder), close: () => undefined }
  const container = new Docker({ socketPath: place.socketPath }).getContainer(place.container)
  return place.kind === 'persistent'
    ? persistentShell(container)
    : { execute: execPerCall(container), close: () => undefined }
}

/** A child process per call. */
function onHost(folder: string): Execute {
  return (command) =>
    new Promise((resolve) => {
      execFile('sh', ['-c', `exec 2>&1\n${command}`], { cwd: folder, maxBuffer: MAX_OUTPUT_BYTES }, (error, output) => {
        resolve({ output, exitCode: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1 })
      })
    })
}

/** The least that one could write: one shell for all calls, a mark with the exit code after each. */
async function persistentShell(container: Docker.Container): Promise<Executor> {
  const exec = await container.exec({
    Cmd: ['sh'],
    WorkingDir: WORKSPACE,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
  })
  const stream = await exec.start({ hijack: true, stdin: true })
  const output = new PassThrough()
  container.modem.demuxStream(stream, output, output)
  let text = ''
  let arrived: () => void = () => undefined
  output.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    arrived()
  })
  const execute: Execute = (command) =>
    new Promise((resolve) => {
      text = ''
      arrived = () => {
        const end = /\0(\d+)\0$/.exec(text)
        if (end !== null) resolve({ output: text.slice(0, end.index), exitCode: Number(end[1]) })
      }
      stream.write(`(\n${command}\n) </dev/null 2>&1\nprintf '\\0%s\\0' $?\n`)
    })
  return { execute, close: () => stream.end() }
}

/** What most people write first: create an exec, start it, read it, ask how it ended. */
function execPerCall(container: Docker.Container): Execute {
  return async (command) => {
    const exec = await container.exec({
      Cmd: ['sh', '-c', `exec 2>&1\n${command}`],
      WorkingDir: WORKSPACE,
      AttachStdout: true,
      AttachStderr: true,
    })
    const stream = await exec.start({ hijack: true, stdin: false })
    const output = new PassThrough()
    container.modem.demuxStream(stream, output, output)
    stream.once('end', () => output.end())
    const chunks: Buffer[] = []
    for await (const chunk of output) chunks.push(chunk as Buffer)
    return { output: Buffer.concat(chunks).toString('utf8'), exitCode: (await exec.inspect()).ExitCode ?? 1 }
  }
}
