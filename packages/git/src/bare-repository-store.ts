import { DevBotError } from '@devbot/contracts'
import { makeBareRepository, removeLeftovers } from './bare-repository.ts'
import { commitMessage, hasCommit, isAncestor, mergeBase, treeOf, writeCommit } from './commits.ts'
import { diffSummary, diffText } from './diff.ts'
import { hasWholeTree, keepTree, letTreeGo } from './kept-trees.ts'
import { type Network, withDeadline, withRetries } from './network-operation.ts'
import { push } from './push.ts'
import { readFiles } from './read-files.ts'
import { askBranches, askHead, fetchBranch, knownHead, refOf } from './remote.ts'
import type { RepositoryStore, RepositoryStoreOptions } from './repository-store.ts'
import { createGit, type Git } from './spawn-git.ts'
import { exportDifference } from './tree-difference.ts'
import { exportTree, listTree, readFile, treeBytes } from './trees.ts'
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
  return {
    until: (signal) => storeOver(git, options, signal),
    fetchBranch: (branch) => online((network) => fetchBranch(network, branch)),
    knownHead: (branch) => knownHead(git, branch),
    remoteHead: (branch) => online((network) => withRetries(network, () => askHead(network, refOf(branch)))),
    remoteBranches: (prefix) => online((network) => withRetries(network, () => askBranches(network, prefix))),
    hasCommit: (commitId) => hasCommit(git, commitId),
    treeOf: (commitId) => treeOf(git, commitId),
    commitMessage: (commitId) => commitMessage(git, commitId),
    listTree: (treeId) => listTree(git, treeId),
    readFile: (treeId, path, maxBytes) => readFile(git, treeId, path, maxBytes),
    readFiles: (treeId, paths, maxBytes) => readFiles(git, treeId, paths, maxBytes),
    treeBytes: (treeId) => treeBytes(git, treeId),
    exportTree: (treeId) => exportTree(git, treeId),
    exportDifference: (fromTreeId, toTreeId) => exportDifference(git, fromTreeId, toTreeId),
    keepTree: (name, treeId) => keepTree(git, name, treeId),
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
