export type { SeedCommit } from './git/seed-history.ts'
export type { FaultInput } from './local/faults.ts'
export type { LoggedRequest } from './local/request-log.ts'
export type {
  LocalApp,
  LocalGitHubOptions,
  LocalUser,
  Role,
  SeededRepository,
  SeedRepository,
  WebhookTarget,
} from './options.ts'
export { readHistoryFolder } from './read-history-folder.ts'
export { type LocalGitHub, startLocalGitHub } from './start-local-github.ts'
export type { Delivery } from './webhooks/deliveries.ts'
