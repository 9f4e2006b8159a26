import type {
  Checkpoint,
  FeedbackRow,
  InboxItem,
  LeftBehind,
  PlanHash,
  Priority,
  RecordedEvent,
  RepositoryName,
  RunRecord,
  Task,
  TaskEvent,
  TaskId,
  TaskProgress,
} from '@devbot/contracts'
import type { SharedWaits } from './shared-waits.ts'

/**
 * The durable record of tasks, inboxes, turns and events. Every method may throw a DevBotError of category `transient`
 * (code `ledger-unavailable`) when Redis does not answer; a write that returned is on disk. Times are UTC milliseconds
 * of Redis' clock.
 */
export interface Ledger extends PlanIntakeLedger, FeedbackIntakeLedger, WorkerLedger, OperatorLedger, PauseLedger {
  /** Refuses an unsafe Redis: eviction policy other than noeviction, append-only file off or not synced always, no
   * password beyond loopback, or records written by a newer DevBot. Throws category `config` naming every finding. */
  checkSafety(): Promise<void>
  /**
   * Marks the ledger as one of this version, so that an older DevBot refuses to start with it. For services, after
   * `checkSafety`. Older records need nothing more: they are read as they are, what they lack has defaults.
   */
  raiseVersion(): Promise<void>
  close(): Promise<void>
}

export type NewTask = {
  readonly repository: RepositoryName
  readonly planPath: string
  readonly planHash: PlanHash
  readonly planText: string
  readonly title: string
  readonly priority: Priority
  /** A plan's own branch; absent: named by the ledger from prefix, plan path and the time of acceptance. */
  readonly branch?: string
  readonly branchPrefix: string
  /** Present: the task is accepted but held, and this says why. */
  readonly heldBecause?: string
}

/** What the watcher knows of a plan's task. */
export type PlanTask = Pick<Task, 'id' | 'planPath' | 'planHash' | 'status' | 'generation' | 'branch' | 'adopted'> & {
  /** The hash of the newest revision known, including one still waiting in the inbox. */
  readonly latestPlanHash: PlanHash
}

/** What plan intake needs: the watcher's side. */
export interface PlanIntakeLedger {
  /** The task of the newest generation at this path, if any. */
  planTaskAt(repository: RepositoryName, planPath: string): Promise<PlanTask | undefined>
  /** The task that has exactly this content as its newest revision, at whatever path, if any. */
  planTaskWithHash(repository: RepositoryName, planHash: PlanHash): Promise<PlanTask | undefined>
  /**
   * Creates the task and its inbox, due now, in one script. Idempotent: when the newest generation at this path is not
   * ended, or has this very content, that task is returned with `created: false`. A branch that another task has
   * yields `branch-taken`. Generation = 1 + the last one used at this path.
   */
  createTask(
    newTask: NewTask,
  ): Promise<
    | { readonly kind: 'created' | 'existing'; readonly task: Task }
    | { readonly kind: 'branch-taken'; readonly by: TaskId }
  >
  /** The plan file was renamed: moves the path index and appends a `plan-moved` item, in one script. */
  moveTask(taskId: TaskId, planPath: string): Promise<void>
  /** Number of tasks ever accepted by this instance; 0 means a first start. */
  countTasks(): Promise<number>
  /** The same for as long as the ledger's keys are; another one once they were lost. */
  identity(): Promise<string>
  addToInbox(taskId: TaskId, item: InboxItem): Promise<InboxAnswer>
}

/** `duplicate`: this item (by its `id`) was in this inbox before, taken up or not. */
export type InboxAnswer = 'added' | 'duplicate' | 'unknown-task'

/** Where a delivery belongs: at least one of branch and pull request number is known. */
export type DeliveryTarget = {
  readonly repository: RepositoryName
  readonly branch?: string
  readonly pullNumber?: number
}

/** What feedback intake needs: the ingress' side. One round trip per delivery. */
export interface FeedbackIntakeLedger {
  /**
   * Appends to the inbox of the task with this branch or pull request and makes the task due at `now + settleMs`.
   * When no task is known yet, the item is stored under branch and number (at most 1,000 items per repository, kept
   * 7 days) and moves to the task as soon as one takes that branch or number: `stored`.
   */
  deliver(
    target: DeliveryTarget,
    item: InboxItem,
    settleMs: number,
  ): Promise<{ readonly kind: 'added' | 'duplicate' | 'stored'; readonly taskId?: TaskId }>
}

/** Ownership of a task: whoever holds the newest epoch may write. */
export type Ownership = { readonly taskId: TaskId; readonly epoch: number; readonly owner: string }

export type Heartbeat = {
  /** False: the lease ran out and somebody else took the task; stop without another effect. */
  readonly held: boolean
  /** Of the newest item that ever came into the inbox: grows with each, whatever is taken up. */
  readonly inboxSequence: number
  /** The operator paused everything: stop as for a shutdown; the task stays due. */
  readonly paused: boolean
  /** Kinds waiting, so that a cancel or a close is heard within a second. */
  readonly inboxKinds: readonly InboxItem['kind'][]
}

export type TaskSnapshot = {
  readonly task: Task
  readonly inbox: readonly InboxItem[]
  /** As in `Heartbeat`. */
  readonly inboxSequence: number
  readonly nowMs: number
}

/** When the owner that gives a task back wants it to be looked at again, and why. */
export type NextLook = {
  readonly dueAtMs: number
  readonly reason: string
  /** Inbox items up to this sequence wait until then, too; without it whatever waits makes the task due now. */
  readonly leavesInboxUpTo?: number
}

/** What one call to the model may cost at most, before it is made. Millionths of a dollar, whole numbers from 0. */
export type SpendingRequest = {
  /** Unique per call: asking again with the same one changes nothing. */
  readonly reservationId: string
  /** The worst case of the call. */
  readonly wantedMicroUsd: number
  /** Less than this would be of no use. */
  readonly leastMicroUsd: number
  /** Counted as spent when the owner dies before it settles: the call was probably made. */
  readonly assumedMicroUsd: number
  /** The day's ceiling. */
  readonly ceilingMicroUsd: number
}

export type SpendingAnswer =
  /** As much as was wanted, or what is left. */
  | { readonly kind: 'reserved'; readonly microUsd: number }
  | {
      readonly kind: 'refused'
      readonly spentMicroUsd: number
      /** For calls under way, of all workers. */
      readonly reservedMicroUsd: number
    }

/** The money of a UTC day (Redis' clock) and of a task, in millionths of a dollar, and the rounds of a day. */
export interface SpendingLedger {
  /**
   * Sets money aside before a paid call, so that calls of all workers together stay below the ceiling. A reservation
   * ends with `settleSpending`, or with its owner's lease or epoch.
   */
  reserveSpending(ownership: Ownership, request: SpendingRequest): Promise<SpendingAnswer>
  /** Books what the call cost, once, in the place of its reservation; also for an owner that lost the task meanwhile. */
  settleSpending(ownership: Ownership, reservationId: string, microUsd: number): Promise<void>
  spentToday(): Promise<number>
  /** What all calls of the task cost since spending is booked per task. */
  spentOnTask(taskId: TaskId): Promise<number>
  /** Counts a feedback round for today, the same round of a task once, unless `maxPerDay` rounds were begun today. */
  beginRound(
    ownership: Ownership,
    round: number,
    maxPerDay: number,
  ): Promise<{ readonly kind: 'begun' | 'refused'; readonly roundsToday: number }>
}

/** One entry of a run's turn stream. `body` is JSON; over 64 KiB it goes to the body store before the entry. */
export type TurnEntry = {
  /** `start`: what the run began with; `notes`: what arrived meanwhile; `tool-start`: a call that cannot be repeated begins. */
  readonly kind: 'start' | 'reply' | 'tool-start' | 'tool-result' | 'notes' | 'compaction'
  readonly turn: number
  readonly body: string
}

/**
 * What the worker needs. Every write carries the ownership and is refused by the script with a DevBotError of category
 * `conflict` (code `ownership-lost`) when the epoch is no longer the newest.
 */
export interface WorkerLedger extends SpendingLedger {
  readonly waits: SharedWaits
  /**
   * Takes the task: a new epoch and a lease by Redis' clock, in one script. `busy` while another owner's lease holds;
   * `paused` while the operator has paused everything; `unknown` when there is no such task. Taking sets the due time to the end of the lease, so that a task whose owner
   * dies is found by the sweeper.
   */
  take(
    taskId: TaskId,
    owner: string,
    leaseMs: number,
  ): Promise<
    { readonly kind: 'taken'; readonly ownership: Ownership } | { readonly kind: 'busy' | 'paused' | 'unknown' }
  >
  /** Renews the lease (and the due time with it) and says what waits. */
  heartbeat(ownership: Ownership, leaseMs: number): Promise<Heartbeat>
  /** Whether this epoch still owns the task: it is the newest, and its lease has not run out. False for an unknown task. */
  holdsLease(taskId: TaskId, epoch: number): Promise<boolean>
  /** Gives the lease back. With `dueAtMs` the task is due then; without, when its next inbox item arrives. An inbox that is not empty makes it due now. */
  release(ownership: Ownership, next?: NextLook): Promise<void>
  snapshot(taskId: TaskId): Promise<TaskSnapshot | undefined>
  /**
   * Writes the record and removes the inbox items it has taken in, in one script. Recording a pull request or branch
   * indexes them and moves in what was stored for them before. Sets `updatedAtMs`; ended tasks enter the retention index.
   */
  save(
    ownership: Ownership,
    task: Task,
    taken?: { readonly inboxIds?: readonly string[]; readonly planText?: string },
  ): Promise<Task>
  planText(taskId: TaskId): Promise<string>
  /** What DevBot had left in the repository before this ledger; undefined: GitHub was not asked yet. */
  leftBehind(repository: RepositoryName): Promise<LeftBehind | undefined>
  /** Takes the place of what was remembered before. */
  rememberLeftBehind(repository: RepositoryName, leftBehind: LeftBehind): Promise<void>
  /**
   * Adds rows that are not there yet (by feedback id); existing ones stay. Returns the ids that were new. At 8 MiB of
   * rows there is no room for more: what is left out is still on GitHub.
   */
  addFeedback(ownership: Ownership, rows: readonly FeedbackRow[]): Promise<readonly string[]>
  updateFeedback(ownership: Ownership, rows: readonly FeedbackRow[]): Promise<void>
  saveRun(ownership: Ownership, run: RunRecord): Promise<void>
  appendTurn(ownership: Ownership, runId: string, entry: TurnEntry): Promise<void>
  /** Keeps the newest checkpoint of a run; one of an older turn than what is there changes nothing. */
  saveCheckpoint(ownership: Ownership, checkpoint: Checkpoint): Promise<void>
  /** The run's newest checkpoint is right at this later turn, too. Nothing where there is none. */
  renewCheckpoint(ownership: Ownership, renewed: Pick<Checkpoint, 'runId' | 'turn'>): Promise<void>
  checkpoint(runId: string): Promise<Checkpoint | undefined>
  /** Appends to the task's event stream (the newest 2,000 are kept) and, if given, overwrites the progress. */
  recordEvent(ownership: Ownership, event: TaskEvent, progress?: TaskProgress): Promise<void>
  /** Ids of tasks that are due, by priority then due time; at most `limit`. None while everything is paused. */
  dueTasks(limit: number): Promise<readonly TaskId[]>
  /** Shrinks tasks that ended before `endedBeforeMs` to a summary (no plan text, turns, runs' output, events, feedback bodies). Returns how many. */
  retire(endedBeforeMs: number): Promise<number>
}

export type TaskDetails = {
  readonly task: Task
  readonly progress?: TaskProgress
  readonly runs: readonly RunRecord[]
  readonly feedback: readonly FeedbackRow[]
  readonly inboxCount: number
  readonly due?: { readonly atMs: number; readonly reason: string }
}

/** The operator's pause of everything, from all workers of the instance, until it is ended. */
export type Pause = { readonly by: string; readonly sinceMs: number }

/** What a worker has under way. */
export type WorkerReport = {
  readonly id: string
  readonly tasks: readonly TaskId[]
  readonly modelCalls: number
  /** Sandboxes of this instance that are there after the reaping; absent, with the reason, when that is not known. */
  readonly sandboxes?: number | undefined
  readonly problem?: string | undefined
  /** `sinceMs` of the pause that it had heard of before it looked: by then it took nothing more. */
  readonly heardPauseMs?: number | undefined
}

export type HeardReport = WorkerReport & {
  /** How long ago the worker said so. */
  readonly silentMs: number
}

/** What pausing everything needs: workers report, and obey; the command line pauses, and sees that it is so. */
export interface PauseLedger {
  pause(): Promise<Pause | undefined>
  /** Pauses everything. Who did so first stays named. */
  pauseAll(by: string): Promise<Pause>
  /** Ends the pause; returns it, if there was one. */
  resumeAll(): Promise<Pause | undefined>
  /** The report is kept for so long, unless a newer one comes. Returns the pause. */
  reportWorker(report: WorkerReport, keptMs: number): Promise<Pause | undefined>
  /** The newest report of each worker that is kept; a worker that is cut off may still be at what it said. */
  liveWorkers(): Promise<readonly HeardReport[]>
}

/** What reading needs: command line, dashboard, report. */
export interface OperatorLedger {
  /** Newest first. */
  listTasks(limit: number): Promise<readonly { readonly task: Task; readonly progress?: TaskProgress }[]>
  details(taskId: TaskId): Promise<TaskDetails | undefined>
  /** Events after the given stream id (exclusive), oldest first, at most 500. */
  events(taskId: TaskId, afterId?: string): Promise<readonly RecordedEvent[]>
  turns(runId: string): Promise<readonly TurnEntry[]>
}

/** The queue: wakes workers, nothing more. */
export interface TaskQueue {
  wake(taskId: TaskId, reason: string): Promise<void>
  close(): Promise<void>
}
