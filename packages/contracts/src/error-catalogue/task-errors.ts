import type { ErrorEntry } from './error-entry.ts'

/** How runs and tasks are stopped or put off. */
export const TASK_ERRORS = {
  'worker-stopping': {
    category: 'cancelled',
    cause: 'The worker is shutting down.',
    remedy: 'Nothing: another worker, or the next start, goes on at once.',
    retry: 'at-once',
  },
  'everything-paused': {
    category: 'cancelled',
    cause: 'An operator paused everything (`devbot pause --all` or `devbot stop --all`).',
    remedy: '`devbot resume --all` lets everything go on where it was.',
    retry: 'at-once',
  },
  'task-may-have-ended': {
    category: 'cancelled',
    cause: 'Something came in that may end the task, so the run stopped to look.',
    remedy: 'Nothing.',
    retry: 'at-once',
  },
  stopped: {
    category: 'cancelled',
    cause: 'A check was stopped, because the run was.',
    remedy: 'Nothing.',
    retry: 'at-once',
  },
  shutdown: {
    category: 'cancelled',
    cause: 'The worker is stopping.',
    remedy: 'Nothing.',
    retry: 'at-once',
  },
  'task-spins': {
    category: 'bug',
    cause: 'The task took more steps in one go than any story has.',
    remedy: "Keep the worker's log and `devbot show --json`, and report it with the version.",
    retry: 'person',
  },
  'run-missing': {
    category: 'bug',
    cause: 'A push was announced for a run that the ledger does not have.',
    remedy: "Keep the worker's log and `devbot show --json`, and report it with the version.",
    retry: 'person',
  },
  'plan-unreadable': {
    category: 'invalid-input',
    cause: 'The plan cannot be read, or is not valid any more.',
    remedy: '`devbot validate` shows what is wrong; mend it, then start the task.',
    retry: 'person',
  },
  'policy-invalid': {
    category: 'invalid-input',
    cause: "The repository's policy file is not valid.",
    remedy: '`devbot validate .devbot.yml` shows what is wrong; mend it on the base branch, then start the task.',
    retry: 'person',
  },
  'policy-changed': {
    category: 'conflict',
    cause: 'The policy changed while the run began.',
    remedy: 'Nothing: the run starts again by the new one.',
    retry: 'backoff',
  },
  'run-outdated': {
    category: 'conflict',
    cause: 'What an interrupted run began with is not there any more: its branch moved, or the base was rewritten.',
    remedy: 'Nothing: the run starts again from what is there now.',
    retry: 'backoff',
  },
  'rounds-used-up': {
    category: 'invalid-input',
    cause: 'As many feedback rounds are done as the policy allows.',
    remedy: 'Raise `limits.max_rounds` in .devbot.yml, or take over the branch.',
    retry: 'person',
  },
  'report-not-written': {
    category: 'transient',
    cause: 'The report could not be written into the plan folder.',
    remedy: 'Let DevBot write there (AI_DOCS_DIR), and give it space.',
    retry: 'backoff',
  },
  bug: {
    category: 'bug',
    cause: 'Something failed that DevBot does not know: a mistake in DevBot.',
    remedy: "Keep the worker's log and `devbot show --json`, and report it with the version. Then start the task.",
    retry: 'person',
  },
} as const satisfies Record<string, ErrorEntry>
