import type { ErrorEntry } from './error-entry.ts'

/** What GitHub's API answers. */
export const GITHUB_ERRORS = {
  'github-rate-limited': {
    category: 'transient',
    cause: "GitHub's primary or secondary rate limit is reached (403 or 429).",
    remedy:
      'Nothing: DevBot waits as long as GitHub says, at least a minute. If it is frequent, raise RECONCILE_SECONDS, or use a GitHub app, whose limits are higher.',
    retry: 'asked-wait',
  },
  'github-unavailable': {
    category: 'transient',
    cause: 'GitHub failed with an error of its own (5xx).',
    remedy: 'Nothing: it is tried again. If it lasts, see githubstatus.com.',
    retry: 'backoff',
  },
  'github-unreachable': {
    category: 'transient',
    cause: 'GitHub could not be reached, or the connection broke.',
    remedy: 'Check GITHUB_API_URL and the network.',
    retry: 'backoff',
  },
  'github-timeout': {
    category: 'transient',
    cause: 'GitHub did not answer in time.',
    remedy: 'Nothing: it is tried again, after a look at what became of it.',
    retry: 'backoff',
  },
  'github-unexpected-answer': {
    category: 'transient',
    cause: 'What came from GitHub has not the shape of its API.',
    remedy: 'Check GITHUB_API_URL and any proxy in between.',
    retry: 'backoff',
  },
  'github-unauthorized': {
    category: 'permission',
    cause: 'GitHub refused the credentials (401).',
    remedy: "Renew GITHUB_TOKEN or the app's key, or the file that its _FILE names, then start the task.",
    retry: 'person',
  },
  'github-forbidden': {
    category: 'permission',
    cause: 'The credentials lack a permission (403).',
    remedy: 'Grant write on contents and pull requests, and read on metadata and checks, then start the task.',
    retry: 'person',
  },
  'github-not-found': {
    category: 'permission',
    cause: 'What was asked for does not exist, or the credentials do not reach it (404, 410, 451).',
    remedy: "Check the repository's name and what the token or app may see, then start the task.",
    retry: 'person',
  },
  'github-conflict': {
    category: 'conflict',
    cause: 'Something on GitHub changed in the same moment (409).',
    remedy: 'Nothing: DevBot looks again and goes on from there.',
    retry: 'backoff',
  },
  'github-unprocessable': {
    category: 'conflict',
    cause:
      'GitHub says that what was asked for does not fit what is there (422): it exists already, there are no commits between the branches, a rule protects it, or a value is not valid.',
    remedy:
      'Nothing at first: DevBot looks again. After five times, see the message, mend it on GitHub, then start the task.',
    retry: 'backoff',
    attempts: 5,
  },
  'github-refused': {
    category: 'invalid-input',
    cause: 'GitHub does not take the request as it is (another 4xx).',
    remedy: 'See the message; if GITHUB_API_URL is right, report it, with the version.',
    retry: 'person',
  },
  'github-list-too-long': {
    category: 'invalid-input',
    cause: 'GitHub has more of something than DevBot reads of one pull request.',
    remedy: 'Close the pull request and split the plan.',
    retry: 'person',
  },
  'github-credential-unreadable': {
    category: 'permission',
    cause: 'The GitHub credential is empty, or its file cannot be read.',
    remedy: 'Put it where GITHUB_TOKEN, GITHUB_APP_PRIVATE_KEY or their _FILE say.',
    retry: 'person',
  },
  'github-app-key-unusable': {
    category: 'permission',
    cause: "The app's private key cannot sign.",
    remedy: "Put the whole PEM file into GITHUB_APP_PRIVATE_KEY; make a new key on the app's page if it is lost.",
    retry: 'person',
  },
  'github-app-not-installed': {
    category: 'permission',
    cause: 'The GitHub app is not installed for the repository.',
    remedy: 'Install it there, then start the task.',
    retry: 'person',
  },
  'github-app-lacks-permissions': {
    category: 'permission',
    cause: "The GitHub app's installation lacks permissions that DevBot needs.",
    remedy: "Grant them on the installation's page, then start the task.",
    retry: 'person',
  },
  'repository-not-allowed': {
    category: 'permission',
    cause: "The plan's repository is not among those DevBot may touch.",
    remedy: 'Add it to ALLOWED_REPOS, then start the task.',
    retry: 'person',
  },
  'repository-archived': {
    category: 'permission',
    cause: 'The repository is archived: nothing can be pushed.',
    remedy: 'Unarchive it, then start the task.',
    retry: 'person',
  },
  'repository-not-writable': {
    category: 'permission',
    cause: 'The credentials may not push to the repository.',
    remedy: 'Grant write access to contents and pull requests, then start the task.',
    retry: 'person',
  },
} as const satisfies Record<string, ErrorEntry>
