import type { Readable, Writable } from 'node:stream'
import type {
  BackgroundCommand,
  ExecOptions,
  ExecResult,
  NetworkRefusal,
  ShellOptions,
  SideService,
} from '@devbot/contracts'

export type { NetworkRefusal } from '@devbot/contracts'

/** What a sandbox is for and whose it is; every driver marks what it makes with this. */
export type SandboxSpec = {
  readonly purpose: 'agent' | 'check'
  readonly instance: string
  readonly taskId: string
  readonly runId: string
  readonly epoch: number
  readonly limits: SandboxLimits
  /** Bytes of the tree that will be imported, where known: a large one gets a workspace on disk instead of in memory. */
  readonly treeBytes?: number
  /** The image its repository wants; SANDBOX_IMAGE when absent. */
  readonly image?: string
  /** Joined to the pod, and ready before anything runs in the sandbox. */
  readonly services?: readonly SideService[]
  /** Hosts that lead out besides EGRESS_ALLOW, in its grammar. */
  readonly egressAllow?: readonly string[]
}

/** What a repository chose of its own. */
export type SandboxImages = Pick<SandboxSpec, 'image' | 'services'>

export type SandboxLimits = {
  readonly memoryBytes: number
  readonly diskBytes: number
  readonly cpus: number
  readonly processes: number
  /** Lifetime; the sandbox is killed after it whatever runs in it. */
  readonly maxMinutes: number
}

/** Makes sandboxes. One per worker process. */
export interface SandboxDriver {
  readonly name: 'docker' | 'process'
  /**
   * Makes sure that sandboxes can be made: the engine answers, the images are there or are pulled, as SANDBOX_PULL says.
   * Quick when they are. `environmentId` changes whenever programs in the sandboxes may have changed. `images`: what one
   * repository needs, in place of the operator's choice or besides. Throws `sandbox`; `config` where the driver has no images.
   */
  prepare(signal?: AbortSignal, images?: SandboxImages): Promise<{ readonly environmentId: string }>
  /** Throws DevBotError of category `sandbox` when none can be made; nothing is left behind then. */
  create(spec: SandboxSpec, signal?: AbortSignal): Promise<Sandbox>
  /** Removes what dead owners of this instance left. Returns how many sandboxes it removed. */
  reap(): Promise<number>
  /** How many sandboxes of this instance there are, whoever made them; what is left of one counts as one. */
  count(): Promise<number>
}

/** One line of a workspace listing. */
export type ExportedEntry =
  | { readonly kind: 'file'; readonly path: string; readonly executable: boolean; readonly bytes: Uint8Array }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  /**
   * A socket, FIFO, device or hard link: never followed, never part of a change. Also a name or link target that is no
   * UTF-8 (`path` then only resembles it), whether it came, changed or went.
   */
  | { readonly kind: 'other'; readonly path: string }

/** What differs from the imported tree, as bytes. Nothing here was judged yet: paths and targets are hostile. */
export type WorkspaceChange = {
  /** New or changed since the import, `setupPaths` and an own `.git` at the root left out. */
  readonly entries: readonly ExportedEntry[]
  readonly deletedPaths: readonly string[]
  /** Paths that came into being between import and `markSetupDone`. */
  readonly setupPaths: ReadonlySet<string>
}

export type ExportLimits = {
  readonly maxFiles: number
  readonly maxBytes: number
  /**
   * Asked once which of the new and changed paths matter, before they are read and counted: what the `.gitignore` files
   * exclude need not come out. Gets the `.gitignore` files that differ from the import, by path. Absent: all matter.
   */
  readonly want?: (paths: readonly string[], changedIgnoreFiles: ReadonlyMap<string, Uint8Array>) => ReadonlySet<string>
  /**
   * Everything goes on running, and files may change while they are read: one that is gone by then is left out, one that
   * is being written is taken as it is, and the next export has it as it is then. What was read and has not changed since
   * is not read again (up to a few megabytes are kept).
   */
  readonly keepRunning?: boolean
}

/**
 * A place where untrusted code runs. Every byte that comes out is hostile. Methods throw DevBotError of category
 * `sandbox` when the sandbox itself is gone or broken; a command that fails is a result.
 */
export interface Sandbox extends AsyncDisposable {
  /** Unpacks a tar stream into the empty workspace and remembers its listing. Once, before anything else. */
  importTree(tar: Readable): Promise<void>
  /** Everything new since the import was made by the setup command, not by the agent. */
  markSetupDone(): Promise<void>
  /**
   * Between `markSetupDone` and the first `exec`: writes what the setup command added to workspace and home as a tar
   * stream into `sink`, and ends it. Throws `invalid-input`, code `setup-too-large`, beyond `maxBytes`.
   */
  exportSetup(sink: Writable, limits: { readonly maxBytes: number }): Promise<void>
  /**
   * Unpacks such a stream: in an agent sandbox after `importTree` and instead of running setup; in a check sandbox before
   * `importTree`, so that the tree's own files win.
   */
  importSetup(tar: Readable): Promise<void>
  /**
   * Between `markSetupDone` and the first `exec`: removes some paths and unpacks a tar stream over what is there. For
   * `exportChange` this is work, as if the agent had done it.
   */
  overlay(tar: Readable, removedPaths: readonly string[]): Promise<void>
  /** Connections out of the sandbox that were refused so far; empty where nothing leads out. */
  networkRefusals(): Promise<readonly NetworkRefusal[]>
  /** Runs a shell command through the tool channel: the working directory and environment persist between calls. */
  exec(command: string, options: ShellOptions): Promise<ExecResult>
  /**
   * Starts a command that goes on beside the others, until an `exportChange` stops it at the latest. The outputs of those that run and of
   * the four that ended last are kept. Throws `invalid-input` for a command that no shell could take.
   */
  startCommand(command: string): Promise<BackgroundCommand>
  /** Reads through the tool channel; paths are relative to the workspace or absolute inside the sandbox. */
  readFile(path: string, options: ReadOptions): Promise<ReadFileResult>
  /** Writes through the tool channel; makes parent folders, keeps the mode of an existing file. */
  writeFile(path: string, bytes: Uint8Array): Promise<WriteFileResult>
  /**
   * Runs a command as a process of its own, outside the tool channel: the exit code comes from the engine, no byte the
   * sandbox writes can forge it. `cwd` is relative to the workspace.
   */
  run(command: string, options: ExecOptions & { readonly cwd?: string }): Promise<ExecResult>
  /**
   * Stops the tool channel and every process of the sandbox (unless `keepRunning`), then lists and reads what changed.
   * Throws category `invalid-input`, code `change-too-large`, beyond the limits. The sandbox goes on with a fresh channel
   * afterwards.
   */
  exportChange(limits: ExportLimits): Promise<WorkspaceChange>
}

/** `fromByte` is 0 when absent. */
export type ReadOptions = { readonly maxBytes: number; readonly fromByte?: number }

export type ReadFileResult =
  | { readonly kind: 'file'; readonly bytes: Uint8Array; readonly totalBytes: number }
  | { readonly kind: 'missing' | 'directory' | 'not-a-file' | 'no-permission' }

export type WriteFileResult = { readonly kind: 'written' } | { readonly kind: 'failed'; readonly reason: string }
