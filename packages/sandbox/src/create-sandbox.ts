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
    await sandbox[Symbol.asyncDispose]()
    throw error
  }
}

function assembleSandbox(engine: SandboxEngine, maxMinutes: number): Sandbox & { start(): Promise<void> } {
  let broken: DevBotError | undefined
  let opening: Promise<ToolChannel> | undefined
  let tree: { reader: WorkspaceReader; imported: WorkspaceListing } | undefined
  let setupKeys: ReadonlySet<string> = new Set()
  let lastCallId = 0

  const lifetime = setTimeout(() => {
    broken ??= lifetimeOver(maxMinutes)
    // Whoever waits for a command gets the error; a failing kill shows again when the sandbox is disposed of.
    stopAll().catch(() => undefined)
  }, maxMinutes * 60_000)
  lifetime.unref()

  function assertUsable(): void {
    if (broken) throw broken
  }

  async function channel(): Promise<ToolChannel> {
    assertUsable()
    const current = await opening
    if (current?.isOpen) return current
    opening = openToolChannel(engine, {
      nextCallId: () => ++lastCallId,
      killAll: () => killAll(),
      onViolation: (error) => {
        broken ??= error
      },
    })
    // A failed start is not kept: the next call tries again.
    opening.catch(() => {
      opening = undefined
    })
    return await opening
  }

  async function killAll(): Promise<void> {
    try {
      await engine.killAll()
    } catch (error) {
      if (error instanceof DevBotError) broken ??= error
      throw error
    }
  }

  async function stopAll(): Promise<void> {
    const current = opening
    opening = undefined
    // A channel that did not start has nothing to close.
    await current?.then((open) => open.close()).catch(() => undefined)
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
      const current = opening
      opening = undefined
      // Closing only ends the channel's calls; removing kills its processes, whatever state it was in.
      await current?.then((open) => open.close()).catch(() => undefined)
      await engine.remove()
    },
  }
}

/** Owner, modes beyond the executable bit and times of the archive are of no use inside. */
const UNPACK = ['tar', '-xomf', '-'] as const

function misuse(what: string): DevBotError {
  return new DevBotError({ category: 'bug', code: 'sandbox-misused', message: `Sandbox: ${what}.` })
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
