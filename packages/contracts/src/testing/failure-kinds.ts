import type { ErrorCode } from '../error-catalogue.ts'

/** A kind of failure, what it becomes, and a test that shows it on a real part: the file, and words of the test's title. */
export type FailureKind = {
  readonly kind: string
  readonly becomes: ErrorCode | 'an outcome of the run' | 'success'
  readonly test: readonly [file: string, title: string]
}

const model = 'packages/agent/src/model/create-anthropic-model.integration.test.ts'
const endpoint = 'packages/agent/src/model/endpoint.integration.test.ts'
const github = 'packages/github/src/create-github-client.integration.test.ts'
const git = 'packages/git/src/remote.integration.test.ts'
const limits = 'packages/sandbox/src/docker/docker-limits.integration.test.ts'

export const FAILURE_KINDS: readonly FailureKind[] = [
  {
    kind: 'Model: 429 with a wait',
    becomes: 'model-rate-limited',
    test: [model, 'waits as long as a rate limit says'],
  },
  { kind: 'Model: 429, long wait', becomes: 'model-rate-limited', test: [endpoint, 'is given back to the caller'] },
  { kind: 'Model: 429 without', becomes: 'model-rate-limited', test: [model, 'asks only once for %i %s %s'] },
  { kind: 'Model: 5xx', becomes: 'model-failed', test: [model, 'and gives the whole reply'] },
  { kind: 'Model: 529', becomes: 'model-overloaded', test: [model, 'gives up after five tries'] },
  { kind: 'Model: broken stream', becomes: 'model-stream-broken', test: [model, 'and gives the whole reply'] },
  { kind: 'Model: silent stream', becomes: 'model-stream-silent', test: [model, 'when the stream falls silent'] },
  { kind: 'Model: cut tool input', becomes: 'model-stream-broken', test: [model, 'never gives a part of a tool call'] },
  {
    kind: 'Model: refusal',
    becomes: 'an outcome of the run',
    test: ['packages/agent/src/both-protocols.test.ts', 'ends at a refusal without carrying anything out'],
  },
  {
    kind: 'Model: context exceeded',
    becomes: 'model-request-too-long',
    test: ['packages/agent/src/run-agent-context.test.ts', 'shortens the conversation and asks once more'],
  },
  { kind: 'Model: bad key', becomes: 'model-key-refused', test: [model, 'is about the refused key'] },
  { kind: 'GitHub: 401', becomes: 'github-unauthorized', test: [github, 'maps %i with headers'] },
  { kind: 'GitHub: 403', becomes: 'github-forbidden', test: [github, 'maps %i with headers'] },
  { kind: 'GitHub: primary limit', becomes: 'github-rate-limited', test: [github, 'maps %i with headers'] },
  { kind: 'GitHub: secondary limit', becomes: 'github-rate-limited', test: [github, 'takes a secondary limit'] },
  { kind: 'GitHub: 404', becomes: 'github-not-found', test: [github, 'maps %i with headers'] },
  { kind: 'GitHub: 409', becomes: 'github-conflict', test: [github, 'maps %i with headers'] },
  { kind: 'GitHub: 422, exists already', becomes: 'success', test: [github, 'returns the existing one'] },
  { kind: 'GitHub: 422, no commits', becomes: 'github-unprocessable', test: [github, 'no commits between'] },
  { kind: 'GitHub: 422, not valid', becomes: 'github-unprocessable', test: [github, 'maps %i with headers'] },
  { kind: 'GitHub: protected branch', becomes: 'git-push-rejected', test: [git, 'when its rules refuse the push'] },
  { kind: 'GitHub: 5xx', becomes: 'github-unavailable', test: [github, 'maps %i with headers'] },
  { kind: 'GitHub: reset', becomes: 'github-unreachable', test: [github, 'repeats a read after'] },
  {
    kind: 'git: non-fast-forward',
    becomes: 'git-branch-moved',
    test: [git, 'says that the branch moved when somebody'],
  },
  { kind: 'git: refused by a hook', becomes: 'git-push-rejected', test: [git, 'when its rules refuse the push'] },
  { kind: 'git: reset in the middle', becomes: 'success', test: [git, 'goes through after one failure'] },
  { kind: 'git: answer lost', becomes: 'success', test: [git, 'counts a push whose answer was lost as done'] },
  {
    kind: 'Docker: refused',
    becomes: 'engine-refused',
    test: ['packages/sandbox/src/docker/engine-error.test.ts', 'tells the status %i as'],
  },
  {
    kind: 'Docker: gone',
    becomes: 'engine-unreachable',
    test: ['packages/sandbox/src/docker/engine-error.test.ts', 'says where no engine answers'],
  },
  {
    kind: 'Docker: slow, cut off',
    becomes: 'process-lost',
    test: ['packages/sandbox/src/docker/lost-connection.integration.test.ts', 'makes no verdict of a command'],
  },
  { kind: 'Docker: out of memory', becomes: 'sandbox-out-of-memory', test: [limits, 'gets no more memory'] },
  { kind: 'Docker: disk full', becomes: 'sandbox-disk-full', test: [limits, 'is told as a full disk'] },
  { kind: 'Docker: container gone', becomes: 'sandbox-gone', test: [limits, 'is told as gone when somebody ends'] },
]
