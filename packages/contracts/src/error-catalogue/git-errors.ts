import type { ErrorEntry } from './error-entry.ts'

/** What git and the server behind it say. */
export const GIT_ERRORS = {
  'git-remote-unreachable': {
    category: 'transient',
    cause: 'git could not connect, or the connection broke in the middle.',
    remedy: 'Check GITHUB_SERVER_URL and the network; what was pushed is looked up before anything is repeated.',
    retry: 'backoff',
  },
  'git-remote-busy': {
    category: 'transient',
    cause: 'The git server has trouble of its own (408, 429 or 5xx).',
    remedy: 'Nothing: it is tried again, after the wait it named.',
    retry: 'asked-wait',
  },
  'git-network-timeout': {
    category: 'transient',
    cause: 'git did not finish in time.',
    remedy: 'Nothing: it is tried again. A very large repository may need a faster line.',
    retry: 'backoff',
  },
  'git-stopped': {
    category: 'cancelled',
    cause: 'git was stopped in the middle, because the task was stopped or the worker is shutting down.',
    remedy: 'Nothing: what really happened is asked from GitHub before anything is done again.',
    retry: 'at-once',
  },
  'git-network-failed': {
    category: 'transient',
    cause: 'git failed although its server answers.',
    remedy: "Nothing: it is tried again. git's own words are in the message.",
    retry: 'backoff',
  },
  'git-ref-refused': {
    category: 'transient',
    cause: 'The server did not take the ref, and it is not known why yet.',
    remedy: 'Nothing: it is looked at again, and pushed once more.',
    retry: 'backoff',
  },
  'git-permission-refused': {
    category: 'permission',
    cause: 'The git server refused the token (401 or 403).',
    remedy: 'Give the token write permission for contents, then start the task.',
    retry: 'person',
  },
  'git-repository-missing': {
    category: 'permission',
    cause: 'The git server has no such repository, or the token does not see it (404).',
    remedy: 'Check its name and what the token may see, then start the task.',
    retry: 'person',
  },
  'git-remote-redirected': {
    category: 'invalid-input',
    cause: 'The repository was moved or renamed.',
    remedy: 'Use its new name in REPO_NAME, ALLOWED_REPOS or the plan.',
    retry: 'person',
  },
  'git-remote-not-git': {
    category: 'invalid-input',
    cause: 'What answers at the address is no git repository.',
    remedy: 'Check GITHUB_SERVER_URL.',
    retry: 'person',
  },
  'git-remote-url-refused': {
    category: 'invalid-input',
    cause: "The repository's address has another form than https://host/owner/name.git.",
    remedy: 'Check GITHUB_SERVER_URL.',
    retry: 'person',
  },
  'git-branch-missing': {
    category: 'invalid-input',
    cause: 'A branch that the plan or the repository names is not there.',
    remedy: "Change the plan's `base`, or make the branch, then start the task.",
    retry: 'person',
  },
  'git-branch-name-refused': {
    category: 'invalid-input',
    cause: 'A branch has a name that DevBot does not take.',
    remedy: "Change the plan's `branch` or `base`.",
    retry: 'person',
  },
  'git-branch-moved': {
    category: 'conflict',
    cause: 'Somebody pushed to the branch meanwhile; DevBot pushed nothing.',
    remedy: 'Nothing: DevBot builds upon the new commits.',
    retry: 'backoff',
  },
  'git-push-not-fast-forward': {
    category: 'conflict',
    cause: 'The commit is not built upon the newest one of the branch; DevBot pushed nothing.',
    remedy: 'Nothing: DevBot builds upon the new commits.',
    retry: 'backoff',
  },
  'git-push-rejected': {
    category: 'permission',
    cause:
      'The server answers, but does not take the push: a hook, a rule, a protected branch or a secret scanner refused it.',
    remedy: "See git's words in the message; allow pushes below BRANCH_PREFIX or change the plan, then start the task.",
    retry: 'person',
  },
  'git-commit-missing': {
    category: 'transient',
    cause: 'The store, which is a cache, lost a commit.',
    remedy: 'Nothing: the work is built again.',
    retry: 'backoff',
  },
  'git-command-failed': {
    category: 'transient',
    cause: 'git failed on the store, which is a cache.',
    remedy:
      "Nothing: it is tried again. If it lasts, stop the worker and delete the repository's folder in its data volume.",
    retry: 'backoff',
  },
  'git-missing': {
    category: 'config',
    cause: "The git program or the store's folder is not there.",
    remedy: 'Install git 2.39 or newer.',
    retry: 'person',
  },
  'git-not-started': {
    category: 'transient',
    cause: 'git could not be started (too many processes, no memory).',
    remedy: 'Free memory or processes on the machine.',
    retry: 'backoff',
  },
  'git-output-too-large': {
    category: 'invalid-input',
    cause: 'The repository is larger than DevBot works on.',
    remedy: 'Nothing helps but a smaller repository.',
    retry: 'person',
  },
  'git-objects-refused': {
    category: 'invalid-input',
    cause: "A commit did not pass git's strict check before the push.",
    remedy: "See git's words in the message; often a file name that some systems cannot have.",
    retry: 'person',
  },
  'git-message-refused': {
    category: 'invalid-input',
    cause: 'A commit message was empty or held a NUL character.',
    remedy: 'Report it, with the version.',
    retry: 'person',
  },
  'git-path-refused': {
    category: 'invalid-input',
    cause: 'The change has a path that may not be part of a change.',
    remedy: 'See the message; the repository or the plan has to do without it.',
    retry: 'person',
  },
  'git-diff-unreadable': {
    category: 'bug',
    cause: 'git printed a difference in a form that DevBot does not know.',
    remedy: 'Report it, with the version of git.',
    retry: 'person',
  },
  'change-too-large': {
    category: 'invalid-input',
    cause: 'The change has more than 5,000 files or 64 MiB, untracked ones included.',
    remedy:
      'Install dependencies by `setup`, whose files do not count; generated files belong into .gitignore; else split the plan.',
    retry: 'person',
  },
  'patterns-too-complex': {
    category: 'invalid-input',
    cause: 'Patterns of .gitignore, .gitattributes, the policy or the plan take too long.',
    remedy: 'Write simpler ones.',
    retry: 'person',
  },
  'secret-in-change': {
    category: 'invalid-input',
    cause: "The change holds a secret of DevBot's own, and the agent did not remove it; nothing was pushed.",
    remedy: 'Look for a secret in the plan, the review or the repository; renew it if it is there.',
    retry: 'person',
  },
} as const satisfies Record<string, ErrorEntry>
