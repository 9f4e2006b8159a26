import { DevBotError } from '@devbot/contracts'
import { makeBareRepository, removeLeftovers } from './bare-repository.ts'
import { commitMessage, hasCommit, isAncestor, mergeBase, treeOf, writeCommit } from './commits.ts'
import { diffSummary, diffText } from './diff.ts'
import { hasWholeTree, keepTree, letTreeGo } from './kept-trees.ts'
import { type Network, withDeadline, withRetries } from './network-operation.ts'
import { push } from './push.ts'
import { readFiles } from './read-files.ts'
import { askBranches, askHead, fetchBranch, knownHead, refOf } from './remote.ts'
import type { FoundFile, RepositoryStore, RepositoryStoreOptions, TreeEntry } from './repository-store.ts'
import { createGit, type Git } from './spawn-git.ts'
import { exportDifference } from './tree-difference.ts'
import { exportTree, listTree, readFile, treeBytes } from './trees.ts'
import { writeKeptTree } from './write-kept-tree.ts'
import { writeTree } from './write-tree.ts'

/**
 * Opens the store, making the bare repository when it is missing. May be repeated, and may be open several times for
 * one folder, in several processes. Throws DevBotError `invalid-input`, code `git-remote-url-refused`.
 */
export async function openRepositoryStore(options: RepositoryStoreOptions): Promise<RepositoryStore> {
  refuseBadUrl(options.remoteUrl)
  await makeBareRepository(options.directory)
  await removeLeftovers(options.directory, Date.now())
  const git = createGit(options.directory)
  return storeOver(git, options)
}

function storeOver(git: Git, options: RepositoryStoreOptions, stop?: AbortSignal): RepositoryStore {
  const online = <T>(operation: (network: Network) => Promise<T>) => withDeadline(git, options, operation, stop)
  const remembered = <T>(
    about: readonly (string | number)[],
    read: () => Promise<T>,
    weigh: (answer: T) => number,
  ): Promise<T> =>
    options.memory === undefined ? read() : options.memory.answer([options.directory, ...about].join('\0'), read, weigh)
  return {
    until: (signal) => storeOver(git, options, signal),
    fetchBranch: (branch) => online((network) => fetchBranch(network, branch)),
    knownHead: (branch) => knownHead(git, branch),
    remoteHead: (branch) => online((network) => withRetries(network, () => askHead(network, refOf(branch)))),
    remoteBranches: (prefix) => online((network) => withRetries(network, () => askBranches(network, prefix))),
    hasCommit: (commitId) => hasCommit(git, commitId),
    treeOf: (commitId) => remembered(['tree', commitId], () => treeOf(git, commitId), bytesOfId),
    commitMessage: (commitId) => commitMessage(git, commitId),
    listTree: (treeId) => remembered(['list', treeId], () => listTree(git, treeId), bytesOfList),
    readFile: (treeId, path, maxBytes) => readFile(git, treeId, path, maxBytes),
    readFiles: (treeId, paths, maxBytes) =>
      remembered(['files', treeId, maxBytes, ...paths], () => readFiles(git, treeId, paths, maxBytes), bytesOfFiles),
    treeBytes: (treeId) => treeBytes(git, treeId),
    exportTree: (treeId) => exportTree(git, treeId),
    exportDifference: (fromTreeId, toTreeId) => exportDifference(git, fromTreeId, toTreeId),
    keepTree: (name, treeId) => keepTree(git, name, treeId),
    writeKeptTree: (name, baseTreeId, changes) => writeKeptTree(git, name, baseTreeId, changes),
    letTreeGo: (name) => letTreeGo(git, name),
    hasWholeTree: (treeId) => hasWholeTree(git, treeId),
    writeTree: (baseTreeId, changes) => writeTree(git, baseTreeId, changes),
    commit: (input) => writeCommit(git, options.author, input),
    push: (input) => online((network) => push(network, input)),
    isAncestor: (ancestorId, descendantId) => isAncestor(git, ancestorId, descendantId),
    mergeBase: (first, second) => mergeBase(git, first, second),
    diffSummary: (fromCommitId, toCommitId) => diffSummary(git, fromCommitId, toCommitId),
    diffText: (fromId, toId, maxBytes) => diffText(git, fromId, toId, maxBytes),
  }
}

/** What one entry takes in memory, about: its text, its object, its place in a list. */
const ENTRY_BYTES = 200

function bytesOfId(): number {
  return ENTRY_BYTES
}

function bytesOfList(entries: readonly TreeEntry[]): number {
  return (entries.length + 1) * ENTRY_BYTES
}

function bytesOfFiles(files: ReadonlyMap<string, FoundFile>): number {
  const contents = [...files.values()].map((file) => (file.kind === 'file' ? file.bytes.byteLength : 0))
  return contents.reduce((sum, bytes) => sum + bytes + ENTRY_BYTES, ENTRY_BYTES)
}

function refuseBadUrl(remoteUrl: string): void {
  const url = URL.parse(remoteUrl)
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (url !== null && isHttp && url.username === '' && url.password === '' && url.search === '' && url.hash === '')
    return
  throw new DevBotError({
    category: 'invalid-input',
    code: 'git-remote-url-refused',
    // The address itself is not shown: it may hold a password.
    message: 'expected a remote address like https://host/owner/name.git, without credentials, query or fragment',
  })
}
