import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { DevBotError, type ExecOptions } from '@devbot/contracts'
import { openToolChannel, type ToolChannel } from './channel/tool-channel.ts'
import type { SandboxEngine } from './engine.ts'
import { readChange } from './export/export-change.ts'
import { compareListings, type WorkspaceListing } from './export/workspace-listing.ts'
import { chooseWorkspaceReader, type WorkspaceReader } from './export/workspace-reader.ts'
import { runShellCommand, transfer } from './run-process.ts'
import type { ExportLimits, Sandbox } from './sandbox.ts'

/** Unpacking 5,000 files takes 0.3 s; this is for a slow disk and a history of gigabytes. */
const IMPORT_TIMEOUT_MS = 600_000
/**
 * The kernel's clock for change times may move only every 10 ms (CONFIG_HZ=100). The listing ends at least this long after
 * the import, so that whatever is changed later has a later time than the one listed.
 */
const CLOCK_TICK_MS = 12
/** Channels that end before they take a call: by the third one, something in the sandbox does that. */
const MAX_CHANNEL_STARTS = 3

/**
 * Everything a sandbox does, over any engine. The channel is started at once, so that a missing program shows here; when
 * it does not start, the engine's sandbox is removed and the error thrown.
 */
export async function createSandbox(engine: SandboxEngine, maxMinutes: number): Promise<Sandbox> {
  const sandbox = assembleSandbox(engine, maxMinutes)
  try {
    await sandbox.start()
    return sandbox
  } catch (error) {
    // Why it could not start is the news; what cannot be removed now is left to the reaper.
    await Promise.resolve(sandbox[Symbol.asyncDispose]()).catch(() => undefined)
    throw error
  }
}

function assembleSandbox(engine: SandboxEngine, maxMinutes: number): Sandbox & { start(): Promise<void> } {
  let broken: DevBotError | undefined
  let opening: Promise<ToolChannel> | undefined
  let tree: { reader: WorkspaceReader; imported: WorkspaceListing } | undefined
  let setupKeys: ReadonlySet<string> = new Set()
  const callIds = { last: 0 }

  const lifetime = setTimeout(() => {
    broken ??= lifetimeOver(maxMinutes)
    // Whoever waits for a command gets the error; a failing kill shows again when the sandbox is disposed of.
    stopAll().catch(() => undefined)
  }, maxMinutes * 60_000)
  lifetime.unref()

  function assertUsable(): void {
    if (broken) throw broken
  }

  /** The open channel, or a fresh one. Calls that come side by side share it. */
  async function channel(): Promise<ToolChannel> {
    for (let attempt = 1; attempt <= MAX_CHANNEL_STARTS; attempt += 1) {
      assertUsable()
      opening ??= openChannel()
      const current = opening
      const open = await current
      if (open.isOpen) return open
      if (opening === current) opening = undefined
    }
    throw channelKeepsEnding()
  }

  function openChannel(): Promise<ToolChannel> {
    const started = openToolChannel(engine, {
      callIds,
      killAll,
      onViolation: (error) => {
        broken ??= error
      },
    })
    // Who waits gets the error; the next call tries again.
    started.catch(() => {
      if (opening === started) opening = undefined
    })
    return started
  }

  async function killAll(): Promise<void> {
    try {
      await engine.killAll()
    } catch (error) {
      if (error instanceof DevBotError) broken ??= error
      throw error
    }
  }

  /** The channel's server is one of the processes; its calls end when it does. */
  async function stopAll(): Promise<void> {
    opening = undefined
    await killAll()
  }

  function importedTree() {
    if (!tree) throw misuse('importTree has to come first')
    return tree
  }

  return {
    async start() {
      await channel()
    },

    async importTree(tar: Readable) {
      assertUsable()
      if (tree) throw misuse('importTree was called twice')
      await transfer(engine, { argv: UNPACK, stdin: tar, timeoutMs: IMPORT_TIMEOUT_MS, what: 'importing the tree' })
      const [reader] = await Promise.all([chooseWorkspaceReader(engine), delay(CLOCK_TICK_MS)])
      tree = { reader, imported: await reader.list() }
    },

    async markSetupDone() {
      assertUsable()
      const { reader, imported } = importedTree()
      const { changed } = compareListings(imported, await reader.list())
      setupKeys = new Set(changed.filter((key) => !imported.has(key)))
    },

    async exec(command: string, options: ExecOptions) {
      const result = await (await channel()).exec(command, options)
      assertUsable()
      return result
    },

    async readFile(path, { maxBytes }) {
      return await (await channel()).readFile(path, maxBytes)
    },

    async writeFile(path, bytes) {
      return await (await channel()).writeFile(path, bytes)
    },

    async run(command, options) {
      assertUsable()
      const result = await runShellCommand(engine, command, options)
      assertUsable()
      return result
    },

    async exportChange(limits: ExportLimits) {
      assertUsable()
      const { reader, imported } = importedTree()
      await stopAll()
      return await readChange({ reader, imported, setupKeys, limits })
    },

    async [Symbol.asyncDispose]() {
      clearTimeout(lifetime)
      broken ??= disposed()
      opening = undefined
      await engine.remove()
    },
  }
}

/** Owner, modes beyond the executable bit and times of the archive are of no use inside. */
const UNPACK = ['tar', '-xomf', '-'] as const

function misuse(what: string): DevBotError {
  return new DevBotError({ category: 'bug', code: 'sandbox-misused', message: `Sandbox: ${what}.` })
}

function channelKeepsEnding(): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'channel-lost',
    message: `The tool channel ended ${MAX_CHANNEL_STARTS} times right after its start: something in the sandbox ends it.`,
  })
}

function disposed(): DevBotError {
  return new DevBotError({ category: 'sandbox', code: 'sandbox-gone', message: 'The sandbox was removed.' })
}

function lifetimeOver(maxMinutes: number): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-lifetime-over',
    message: `The sandbox reached its lifetime of ${maxMinutes} minutes; everything in it was stopped.`,
  })
}
