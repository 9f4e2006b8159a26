import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { DevBotError, type ShellOptions } from '@devbot/contracts'
import { openToolChannel, type ToolChannel } from './channel/tool-channel.ts'
import { withDeadline } from './deadline.ts'
import type { SandboxEngine } from './engine.ts'
import { readChange } from './export/export-change.ts'
import { CLOCK_TICK_MS } from './export/limits.ts'
import { type KeptContents, readRunningChange } from './export/read-running-change.ts'
import { compareListings, type WorkspaceListing } from './export/workspace-listing.ts'
import { chooseWorkspaceReader, type WorkspaceReader } from './export/workspace-reader.ts'
import { removePaths } from './overlay.ts'
import { runShellCommand, transfer } from './run-process.ts'
import type { ExportLimits, Sandbox } from './sandbox.ts'
import { type CaptureInput, captureSetup, SETUP_LOST } from './setup/capture-setup.ts'
import { type UnpackedSetup, unpackSetup } from './setup/lay-setup.ts'

/** Unpacking 5,000 files takes 0.3 s; this is for a slow disk and a history of gigabytes. */
const IMPORT_TIMEOUT_MS = 600_000
/** A kill of everything takes a tenth of a second. Longer than a driver's own patience, which says more. */
const KILL_ALL_TIMEOUT_MS = 60_000
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
  let setupKeys: ReadonlySet<string> | undefined
  let unpackedSetup: UnpackedSetup | undefined
  /** Since `markSetupDone` the agent may have had its hands in: what setup made cannot be told any more. */
  let wasUsed = false
  let capturing: Promise<void> | undefined
  const callIds = { last: 0 }
  const kept: KeptContents = new Map()

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
      // Something in the sandbox may end or stop each server as it comes: the last one starts in an empty sandbox.
      if (attempt === MAX_CHANNEL_STARTS) await killAll()
      opening ??= openChannel()
      const current = opening
      const open = await current
      if (open.isOpen) return open
      if (opening === current) opening = undefined
    }
    throw channelKeepsEnding()
  }

  /** The channel for a call from outside. A capture under way ends first: nothing may change what it reads. */
  async function channelForCall(): Promise<ToolChannel> {
    wasUsed = true
    await capturing
    return await channel()
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
      await withDeadline(engine.killAll(), KILL_ALL_TIMEOUT_MS, notStopped)
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

  async function stopAndCapture(input: CaptureInput): Promise<void> {
    await stopAll()
    try {
      await captureSetup(engine, input)
    } catch (error) {
      if (error instanceof DevBotError && error.code === SETUP_LOST) broken ??= error
      throw error
    }
  }

  async function unpack(tar: Readable, what: string): Promise<void> {
    await transfer(engine, { argv: UNPACK, stdin: tar, timeoutMs: IMPORT_TIMEOUT_MS, what })
  }

  /** The listing ends at least a tick after it, so that whatever is changed later has a later time than the one listed. */
  async function unpackTree(tar: Readable): Promise<void> {
    await unpack(tar, 'importing the tree')
    await delay(CLOCK_TICK_MS)
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
      const [reader] = await Promise.all([chooseWorkspaceReader(engine), unpackTree(tar)])
      const imported = await reader.list()
      await unpackedSetup?.lay(imported)
      tree = { reader, imported }
    },

    async markSetupDone() {
      assertUsable()
      const { reader, imported } = importedTree()
      const { changed } = compareListings(imported, await reader.list())
      setupKeys = new Set(changed.filter((key) => !imported.has(key)))
      wasUsed = false
    },

    async exportSetup(sink: Writable, { maxBytes }: { readonly maxBytes: number }) {
      assertUsable()
      const { imported } = importedTree()
      if (!setupKeys) throw misuse('exportSetup comes after markSetupDone')
      if (wasUsed)
        throw misuse('exportSetup comes before the first call of the agent, which may have changed the setup')
      const captured = stopAndCapture({ imported, setupKeys, sink, maxBytes })
      // Calls that come meanwhile wait, whatever becomes of the capture.
      capturing = captured.catch(() => undefined)
      await captured
    },

    async importSetup(tar: Readable) {
      assertUsable()
      if (unpackedSetup) throw misuse('importSetup was called twice')
      unpackedSetup = await unpackSetup(engine, tar)
      if (tree) await unpackedSetup.lay(tree.imported)
    },

    async overlay(tar: Readable, removedPaths: readonly string[]) {
      assertUsable()
      if (!setupKeys) throw misuse('overlay comes after markSetupDone')
      if (wasUsed) throw misuse('overlay comes before the first call of the agent')
      wasUsed = true
      await capturing
      await removePaths(engine, removedPaths)
      await unpack(tar, 'bringing the work back')
    },

    async networkRefusals() {
      return (await engine.networkRefusals?.()) ?? []
    },

    async exec(command: string, options: ShellOptions) {
      const result = await (await channelForCall()).exec(command, options)
      assertUsable()
      return result
    },

    async startCommand(command) {
      return (await channelForCall()).startCommand(command)
    },

    async readFile(path, options) {
      return await repeatWhenLost(async () => (await channelForCall()).readFile(path, options))
    },

    async writeFile(path, bytes) {
      return await repeatWhenLost(async () => (await channelForCall()).writeFile(path, bytes))
    },

    async run(command, options) {
      await capturing
      assertUsable()
      const result = await runShellCommand(engine, command, options)
      assertUsable()
      return result
    },

    async exportChange(limits: ExportLimits) {
      assertUsable()
      const input = { ...importedTree(), setupKeys: setupKeys ?? new Set(), limits }
      await capturing
      if (limits.keepRunning === true) return await readRunningChange({ ...input, kept })
      await stopAll()
      return await readChange(input)
    },

    async [Symbol.asyncDispose]() {
      clearTimeout(lifetime)
      broken ??= disposed()
      opening = undefined
      await engine.remove()
    },
  }
}

/** Reading or writing a whole file may be done again, on the fresh channel, when somebody ended the one it was on. */
async function repeatWhenLost<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof DevBotError) || error.code !== 'channel-lost') throw error
    return await call()
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

function notStopped(): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-not-stopped',
    message: `The processes of the sandbox could not be ended within ${KILL_ALL_TIMEOUT_MS} ms.`,
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
