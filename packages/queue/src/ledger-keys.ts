import { DevBotError, type RepositoryName, type TaskId } from '@devbot/contracts'

/** A task's hash, or one of its parts, without the instance's prefix. */
export function taskKey(taskId: TaskId, part?: 'events' | 'feedback' | 'runs' | 'inbox-items'): string {
  return part === undefined ? `task:${taskId}` : `task:${taskId}:${part}`
}

/** The stream of a run's turns. */
export function turnsKey(runId: string): string {
  return `run:${checkedRunId(runId)}:turns`
}

/** The newest checkpoint of a run. */
export function checkpointKey(runId: string): string {
  return `run:${checkedRunId(runId)}:checkpoint`
}

/** GitHub treats owner and name without regard to case, so indexes do too. */
export function indexedRepository(repository: RepositoryName): string {
  return repository.toLowerCase()
}

/** An entry of an index over all repositories: path, plan hash, branch or pull request number. */
export function indexEntry(repository: RepositoryName, name: string): string {
  return `${indexedRepository(repository)}\n${name}`
}

/** Run ids become parts of keys and folder names. */
export function checkedRunId(runId: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(runId)) return runId
  throw new DevBotError({
    category: 'invalid-input',
    code: 'run-id',
    message: `expected a run id of 1 to 100 letters, digits, ".", "_" or "-", got ${JSON.stringify(runId.slice(0, 120))}`,
  })
}
