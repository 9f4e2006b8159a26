import type { Logger, Secret } from '@devbot/config'
import type { RepositoryName } from '@devbot/contracts'
import type { RepositoryStore } from '@devbot/git'
import type { GitHubClient, RepositoryFacts } from '@devbot/github'
import type { OperatorLedger, PlanIntakeLedger, WorkerLedger } from '@devbot/queue'
import type { SandboxLimits } from '@devbot/sandbox'
import type { Activity } from './activity.ts'
import type { ModelFor } from './model/create-models.ts'
import type { SetupCache } from './setup/setup-cache.ts'
import type { WatchedSandboxes } from './watch-sandboxes.ts'

/** What the stories work with, built once by `main.ts`. */
export type WorkerDeps = {
  readonly ledger: WorkerLedger & OperatorLedger & Pick<PlanIntakeLedger, 'addToInbox' | 'planTaskAt'>
  readonly github: GitHubClient
  readonly repositories: Repositories
  readonly sandboxes: WatchedSandboxes
  /** What setup commands made; absent where it is switched off. */
  readonly setupCache: SetupCache | undefined
  readonly modelFor: ModelFor
  readonly settings: WorkerSettings
  readonly activity: Activity
  /** Values that must never be published. */
  readonly secrets: readonly Secret[]
  readonly log: Logger
  readonly now: () => number
  readonly random: () => number
}

/** Where a repository's facts and its bare store come from; one store per repository, by numeric id. */
export interface Repositories {
  /** The store's network operations stop soon after the signal is aborted. */
  open(
    name: RepositoryName,
    signal?: AbortSignal,
  ): Promise<{ readonly facts: RepositoryFacts; readonly store: RepositoryStore }>
}

/** The operator's ceilings and choices; they always win over a plan's. */
export type WorkerSettings = {
  readonly instance: string
  readonly owner: string
  readonly plansDirectory: string
  readonly branchPrefix: string
  readonly model: string
  readonly modelsAllowed: readonly string[]
  /** How tools are offered to the model. */
  readonly protocol: 'native' | 'text'
  readonly maxTurns: number
  readonly maxCostMicroUsd: number
  readonly maxCostPerDayMicroUsd: number
  readonly maxMinutes: number
  readonly maxRounds: number
  readonly maxRoundsPerDay: number
  /** Per task, of every kind. */
  readonly maxTokens: number
  /** The model's window; absent: by the model's name. */
  readonly contextTokens: number | undefined
  readonly reconcileMs: number
  /** How long GitHub's listings may miss what was just made. */
  readonly listingLagMs: number
  /** Lease on a task: a dead worker's task is taken up by another after this, and its sandboxes go at the next look. */
  readonly leaseMs: number
  readonly sandboxLimits: Omit<SandboxLimits, 'maxMinutes'>
  /** Names of images, with `*`, that a repository's policy may use; empty: any. */
  readonly imagesAllowed: readonly string[]
  readonly egressFromPolicy: boolean
  /** Whether a finished change is looked at with fresh eyes, where the repository's policy says nothing of it. */
  readonly selfReview: boolean
  /** Globs of paths that no change may touch. */
  readonly protectedPaths: readonly string[]
}
