import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { createDockerDriver, type Sandbox, type SandboxDriver, type SandboxSpec } from '@devbot/sandbox'
import { pack } from 'tar-stream'
import type { BenchResult } from './report/figure.ts'
import { printResult, say } from './report/print-result.ts'
import { median } from './report/statistics.ts'

const run = promisify(execFile)

const RUNS = 5
const CALLS = 100
const FILES = 5_000
/** Roughly what a source tree of that many files has: 42 MB. */
const FILE_BYTES = 8_400
const IMAGE = process.env.BENCH_SANDBOX_IMAGE ?? 'devbot-sandbox:0.1.0'
const INSTANCE = `bench-${process.pid}`
const generous = { timeoutMs: 60_000, maxOutputBytes: 10_000 }

/** Sandboxes in containers: making one, filling one, talking to one, reading one out. */
export async function measureSandbox(): Promise<BenchResult> {
  const driver = createDockerDriver({
    dockerHost: process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock',
    instance: INSTANCE,
    sandboxImage: IMAGE,
    anchorImage: IMAGE,
    runtime: 'runc',
    pull: 'never',
    imagesAllowed: [],
    serviceLimits: { memoryBytes: 512 * 1024 ** 2, diskBytes: 1024 ** 3 },
    workspace: 'memory',
    isLive: async () => true,
  })
  await driver.prepare()
  const tree = await largeTree()
  const making = await measureMaking(driver)
  const filling = await measureFilling(driver, tree)
  const { sandbox } = filling
  try {
    const talking = await measureTalking(sandbox)
    const reading = await measureReading(sandbox)
    return {
      figures: [
        {
          name: 'create -> first exec answered',
          unit: 'ms',
          ours: median(making.ours),
          baseline: { what: 'docker run + docker exec, plain', value: median(making.plain) },
        },
        {
          name: `agent sandbox with a ${FILES.toLocaleString('en')}-file tree ready`,
          unit: 'ms',
          ours: median(filling.readyMs),
          baseline: { what: 'docker run + tar through docker exec', value: median(filling.plainMs) },
          design: 1000,
        },
        {
          name: 'tool call through the channel',
          unit: 'ms',
          ours: median(talking.channel),
          baseline: { what: 'one persistent shell in the container', value: median(talking.shell) },
          design: 1.4 * median(talking.shell),
        },
        {
          name: 'tool call through the channel',
          unit: 'ms',
          ours: median(talking.channel),
          baseline: { what: 'one docker exec per call', value: median(talking.execs) },
        },
        {
          name: `export of one changed file in ${FILES.toLocaleString('en')}`,
          unit: 'ms',
          ours: median(reading.ours),
          baseline: { what: 'tar of the whole tree through docker exec', value: median(reading.plain) },
        },
        {
          name: `the same for a checkpoint, with everything left running`,
          unit: 'ms',
          ours: median(reading.running),
          baseline: { what: 'the export that stops everything', value: median(reading.ours) },
        },
        {
          name: 'a checkpoint when nothing changed: the scan alone',
          unit: 'ms',
          ours: median(reading.scan),
          baseline: { what: 'the export that stops everything', value: median(reading.ours) },
        },
      ],
      notes: [
        `sandbox image ${IMAGE}; a pod is an anchor and a sandbox, the plain container of the baselines is one, without any of the limits. Medians of ${RUNS} (${CALLS} for calls).`,
        'the export stops everything in the sandbox, lists it and reads the changed file; the next tool call opens a fresh channel.',
      ],
    }
  } finally {
    await sandbox[Symbol.asyncDispose]()
  }
}

function spec(): SandboxSpec {
  return {
    purpose: 'agent',
    instance: INSTANCE,
    taskId: 't000000000000',
    runId: `bench-${process.pid}`,
    epoch: 1,
    limits: { memoryBytes: 2 * 1024 ** 3, diskBytes: 2 * 1024 ** 3, cpus: 2, processes: 512, maxMinutes: 15 },
  }
}

async function measureMaking(driver: SandboxDriver) {
  const ours: number[] = []
  const plain: number[] = []
  for (let round = 0; round < RUNS; round += 1) {
    ours.push(
      await timed(
        async () => {
          const sandbox = await driver.create(spec())
          await sandbox.exec('true', generous)
          return sandbox
        },
        (sandbox) => sandbox[Symbol.asyncDispose](),
      ),
    )
    plain.push(
      await timed(
        async () => {
          const container = await plainContainer()
          await container.exec('true')
          return container
        },
        (container) => container.remove(),
      ),
    )
  }
  say(`  create -> first exec: ${ms(ours)}, plain ${ms(plain)}`)
  return { ours, plain }
}

async function measureFilling(driver: SandboxDriver, tree: Buffer) {
  const readyMs: number[] = []
  const plainMs: number[] = []
  let last: Sandbox | undefined
  for (let round = 0; round < RUNS; round += 1) {
    await last?.[Symbol.asyncDispose]()
    readyMs.push(
      await timed(async () => {
        last = await driver.create(spec())
        await last.importTree(Readable.from([tree]))
        await last.markSetupDone()
      }),
    )
    plainMs.push(
      await timed(
        async () => {
          const container = await plainContainer()
          await container.exec('mkdir /tmp/tree && tar -xf - -C /tmp/tree', tree)
          return container
        },
        (container) => container.remove(),
      ),
    )
  }
  if (last === undefined) throw new Error('no sandbox was made')
  say(`  ready with ${FILES} files: ${ms(readyMs)}, plain ${ms(plainMs)}`)
  return { sandbox: last, readyMs, plainMs }
}

async function measureTalking(sandbox: Sandbox) {
  const container = await plainContainer()
  try {
    const shell = await persistentShell(container.name)
    const [channel, viaShell, execs]: [number[], number[], number[]] = [[], [], []]
    // Taken in turns, so that whatever else the machine does meets all three.
    for (let call = 0; call < CALLS; call += 1) {
      channel.push(await timed(() => sandbox.exec('true', generous)))
      viaShell.push(await timed(() => shell.call('true')))
      if (call < CALLS / 5) execs.push(await timed(() => container.exec('true')))
    }
    await shell.close()
    say(`  one call: channel ${ms(channel)}, persistent shell ${ms(viaShell)}, docker exec ${ms(execs)}`)
    return { channel, shell: viaShell, execs }
  } finally {
    await container.remove()
  }
}

async function measureReading(sandbox: Sandbox) {
  const container = await plainContainer()
  const ours: number[] = []
  const running: number[] = []
  const scan: number[] = []
  const plain: number[] = []
  const exported = (keepRunning: boolean) =>
    timed(async () => {
      const change = await sandbox.exportChange({ maxFiles: 100, maxBytes: 1_000_000, keepRunning })
      if (change.entries.length !== 1) throw new Error(`expected one changed file, got ${change.entries.length}`)
    })
  try {
    await container.exec('mkdir /tmp/tree && tar -xf - -C /tmp/tree', await largeTree())
    for (let round = 0; round < RUNS; round += 1) {
      await sandbox.exec(`echo ${round} > packages/part-7/file-350.ts`, generous)
      running.push(await exported(true))
      scan.push(await exported(true))
      ours.push(await exported(false))
      plain.push(await timed(() => container.exec('tar -cf - -C /tmp/tree . | cat >/dev/null')))
    }
  } finally {
    await container.remove()
  }
  say(`  export: ${ms(ours)}, all left running ${ms(running)}, scan ${ms(scan)}, tar of everything ${ms(plain)}`)
  return { ours, running, scan, plain }
}

/** A container as anybody would start it, by the command line. */
async function plainContainer() {
  const { stdout } = await run('docker', ['run', '--detach', '--network', 'none', IMAGE, 'sleep', '600'])
  const name = stdout.trim()
  return {
    name,
    async exec(command: string, input?: Buffer) {
      const child = spawn('docker', ['exec', '-i', name, 'sh', '-c', command], { stdio: ['pipe', 'ignore', 'inherit'] })
      child.stdin.end(input)
      const [code] = await once(child, 'close')
      if (code !== 0) throw new Error(`${command} ended with ${code} in the plain container`)
    },
    async remove() {
      await run('docker', ['rm', '--force', '--volumes', name])
    },
  }
}

/** A shell that stays and starts one child per line it reads: what any channel costs at least. */
async function persistentShell(name: string) {
  const server = 'while IFS= read -r line; do sh -c "$line" </dev/null; echo "done $?"; done'
  const child = spawn('docker', ['exec', '-i', name, 'sh', '-c', server], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  const call = async (command: string) => {
    child.stdin.write(`${command}\n`)
    await once(lines, 'line')
  }
  await call('true')
  return {
    call,
    close: async () => {
      child.stdin.end()
      await once(child, 'close')
    },
  }
}

async function largeTree(): Promise<Buffer> {
  const tar = pack()
  const content = 'x'.repeat(FILE_BYTES - 1)
  for (let file = 0; file < FILES; file += 1) {
    tar.entry({ name: `packages/part-${Math.floor(file / 50)}/file-${file}.ts`, mode: 0o644 }, `${content}\n`)
  }
  tar.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of Readable.from(tar)) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

async function timed<T>(work: () => Promise<T>, after?: (value: T) => PromiseLike<unknown>): Promise<number> {
  const startedAt = performance.now()
  const value = await work()
  const tookMs = performance.now() - startedAt
  await after?.(value)
  return tookMs
}

function ms(values: readonly number[]): string {
  return `${median(values).toFixed(1)} ms`
}

if (import.meta.main) await printResult(measureSandbox)
