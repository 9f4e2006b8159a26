import type { Readable } from 'node:stream'
import type { FileChange, ObjectId } from '@devbot/contracts'
import type { ReadMemory } from './read-memory.ts'

export type GitCredentials = { readonly username: string; readonly password: string }

export type RepositoryStoreOptions = {
  /** Folder of the bare repository; made when missing. A cache: it may be deleted at any time between runs. */
  readonly directory: string
  /** `http(s)://host/owner/name.git`, without credentials. */
  readonly remoteUrl: string
  /** Asked before each network operation; the answer is given to that one process through its environment. */
  readonly credentials: () => Promise<GitCredentials>
  readonly author: { readonly name: string; readonly email: string }
  /** Deadline of one network operation, in milliseconds. */
  readonly networkTimeoutMs: number
  /** Shared by the stores of a process; without it everything is read anew. */
  readonly memory?: ReadMemory
}

export type TreeEntry = {
  readonly path: string
  readonly mode: '100644' | '100755' | '120000' | '160000'
  readonly objectId: ObjectId
}

/** What lies at a path of a tree. */
export type FoundFile =
  | { readonly kind: 'file'; readonly bytes: Uint8Array }
  | { readonly kind: 'too-large'; readonly sizeBytes: number }
  | { readonly kind: 'link' | 'folder' | 'submodule' }

/** One path of a new tree. `bytes` of a link are its target. */
export type TreeChange =
  | {
      readonly kind: 'put'
      readonly path: string
      readonly mode: '100644' | '100755' | '120000'
      readonly bytes: Uint8Array
    }
  | { readonly kind: 'delete'; readonly path: string }

/**
 * A bare repository on the worker's disk, and the only place where DevBot runs git. No configuration of the machine or
 * of the repository's content has any effect on it. Errors are DevBotError: `transient` (network, 5xx), `permission`
 * (401, 403), `conflict` (code `git-branch-moved`: the lease did not hold), `invalid-input` (code `git-branch-missing`).
 */
export interface RepositoryStore {
  /** The same store, whose network operations stop soon after the signal is aborted, with `cancelled`, code `git-stopped`. */
  until(signal: AbortSignal): RepositoryStore
  /** Brings a branch with its history into the store; returns what it points at. */
  fetchBranch(branch: string): Promise<ObjectId>
  /** What a branch pointed at when it was last fetched; undefined when it never was. Asks nobody. */
  knownHead(branch: string): Promise<ObjectId | undefined>
  /** What a branch points at on the remote now; undefined when it does not exist. */
  remoteHead(branch: string): Promise<ObjectId | undefined>
  /** Branches on the remote whose names begin with the prefix (of branch names' own characters), and what they point at. */
  remoteBranches(prefix: string): Promise<ReadonlyMap<string, ObjectId>>
  hasCommit(commitId: ObjectId): Promise<boolean>
  treeOf(commitId: ObjectId): Promise<ObjectId>
  commitMessage(commitId: ObjectId): Promise<string>
  /** All paths of a tree, recursively. */
  listTree(treeId: ObjectId): Promise<readonly TreeEntry[]>
  /** A file's bytes, or undefined when there is none or it is larger than `maxBytes`. */
  readFile(treeId: ObjectId, path: string, maxBytes: number): Promise<Uint8Array | undefined>
  /**
   * What lies at some paths; one with nothing is missing in the answer, and so is a folder when something below it was
   * asked for, too. Costs two processes, however many they are.
   */
  readFiles(treeId: ObjectId, paths: readonly string[], maxBytes: number): Promise<ReadonlyMap<string, FoundFile>>
  /** Bytes of all files of a tree together, from what git knows of its objects; no file is read. */
  treeBytes(treeId: ObjectId): Promise<number>
  /** The tree as an uncompressed tar stream of raw blobs: no attribute changes or leaves out a file. */
  exportTree(treeId: ObjectId): Readable
  /**
   * What leads from one tree to the other: files and links to unpack (a tar stream as of `exportTree`), once the removed
   * paths (files, and folders with all that is in them) are gone.
   */
  exportDifference(
    fromTreeId: ObjectId,
    toTreeId: ObjectId,
  ): Promise<{ readonly tar: Readable; readonly removedPaths: readonly string[] }>
  /** Keeps a tree in the store that nothing else may lead to, in place of what this name kept before. */
  keepTree(name: string, treeId: ObjectId): Promise<void>
  /** `writeTree` and `keepTree` in one, for a fraction of the time. */
  writeKeptTree(name: string, baseTreeId: ObjectId, changes: readonly TreeChange[]): Promise<ObjectId>
  /** Ends what `keepTree` began; a name that keeps nothing is no error. */
  letTreeGo(name: string): Promise<void>
  /** Whether a tree is in the store with everything in it, unharmed as far as git can tell without reading files. */
  hasWholeTree(treeId: ObjectId): Promise<boolean>
  /** Builds a tree from a base tree and changes, by plumbing. The same input gives the same id. */
  writeTree(baseTreeId: ObjectId, changes: readonly TreeChange[]): Promise<ObjectId>
  /** Makes a commit; author and committer are DevBot's identity, the time is `atMs`. The same input gives the same id. */
  commit(input: {
    readonly treeId: ObjectId
    readonly parents: readonly ObjectId[]
    readonly message: string
    readonly atMs: number
  }): Promise<ObjectId>
  /**
   * Pushes one commit to one branch, fast-forward only, with a lease on the id the branch must have now (undefined: it
   * must not exist). A branch that already points at the commit is success.
   */
  push(input: {
    readonly commitId: ObjectId
    readonly branch: string
    readonly expectedHeadId: ObjectId | undefined
  }): Promise<void>
  isAncestor(ancestorId: ObjectId, descendantId: ObjectId): Promise<boolean>
  mergeBase(first: ObjectId, second: ObjectId): Promise<ObjectId | undefined>
  /** What git's name-status (with rename detection) and numstat say between two commits. */
  diffSummary(fromCommitId: ObjectId, toCommitId: ObjectId): Promise<readonly FileChange[]>
  /** The unified diff between two trees or commits, cut at `maxBytes`. */
  diffText(fromId: ObjectId, toId: ObjectId, maxBytes: number): Promise<string>
}
