import type { TaskEvent } from './events.ts'

/** One line for a person who follows a task; the same in the command line, the demo and a dashboard. */
export function describeEvent(event: TaskEvent): string {
  switch (event.kind) {
    case 'task-accepted':
      return `plan accepted: ${event.planPath}, branch ${event.branch}`
    case 'run-start':
      return `run started: ${event.runKind}${event.round === undefined ? '' : `, round ${event.round}`}`
    case 'run-resumed':
      return `run goes on after turn ${event.turn}`
    case 'run-end':
      return `run ended: ${event.outcome}${event.detail === undefined ? '' : ` (${event.detail})`}`
    case 'stage-start':
      return `${event.stage}${detailOf(event)} ...`
    case 'stage-end':
      return `${event.stage} done in ${seconds(event.durationMs)}${detailOf(event)}`
    case 'tool-call':
      return `turn ${event.turn}: ${event.tool} ${event.detail}`
    case 'turn-end':
      return `turn ${event.turn}: ${event.stopReason}, ${dollars(event.costMicroUsd)}, ${seconds(event.durationMs)}`
    case 'context-compacted':
      return `turn ${event.turn}: conversation shortened from ${event.beforeTokens} to ${event.afterTokens} tokens`
    case 'check-end':
      return `${event.check}: tests ${event.passed ? 'pass' : 'fail'}${event.exitCode === undefined ? ' (no exit code)' : ` (exit code ${event.exitCode})`}, ${seconds(event.durationMs)}, tree ${event.treeId.slice(0, 12)}`
    case 'branch-pushed':
      return `pushed ${event.commitId.slice(0, 12)} to ${event.branch}`
    case 'pull-request-opened':
      return `pull request #${event.number} opened${event.draft ? ' as a draft' : ''}: ${event.url}`
    case 'work-adopted':
      return `found ${event.number === undefined ? '' : `pull request #${event.number} and `}the branch ${event.branch} on GitHub, made for this plan before; going on with it`
    case 'feedback-received':
      return `feedback from ${event.author} (${event.feedbackId})`
    case 'feedback-dropped':
      return `feedback from ${event.author} dropped: ${event.reason} (${event.feedbackId})`
    case 'reply-posted':
      return `replied "${event.decision}" to ${event.feedbackId}`
    case 'report-written':
      return `report written: ${event.fileName}`
    case 'status-changed':
      return `status: ${event.status}${event.reason === undefined ? '' : ` (${event.reason})`}`
    case 'retry-scheduled':
      return `waiting ${seconds(event.delayMs)} after ${event.code}: ${event.reason}`
  }
}

function detailOf({ detail }: { readonly detail?: string | undefined }): string {
  return detail === undefined ? '' : ` (${detail})`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function dollars(microUsd: number): string {
  return `$${(microUsd / 1_000_000).toFixed(4)}`
}
