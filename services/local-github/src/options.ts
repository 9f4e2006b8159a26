import type { SeedCommit } from './git/seed-history.ts'
import type { Log } from './log.ts'

/** What a person may do in a repository, from least to most. */
export const ROLES = ['none', 'read', 'triage', 'write', 'maintain', 'admin'] as const
export type Role = (typeof ROLES)[number]

export function roleAtLeast(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed)
}

export type LocalUser = {
  readonly login: string
  /** What the person's clients send as token or git password. */
  readonly token: string
  /** Role in every seeded repository that does not say otherwise; `write` when absent. Owners are always `admin`. */
  readonly permission?: Role | undefined
  readonly type?: 'User' | 'Bot' | undefined
  readonly name?: string | undefined
  readonly email?: string | undefined
}

export type LocalApp = {
  readonly appId: number
  readonly slug: string
  readonly privateKeyPem: string
  readonly installationId: number
  /** Login of the user or organization the app is installed for, with all its repositories. */
  readonly account: string
  /** `{contents: 'write', pull_requests: 'write', issues: 'write', metadata: 'read'}` when absent. */
  readonly permissions?: Readonly<Record<string, 'read' | 'write'>> | undefined
}

export type WebhookTarget = { readonly url: string; readonly secret: string }

export type LocalGitHubOptions = {
  /** 0 = any free port. */
  readonly port: number
  /** Loopback when absent. Anything else opens demo data and its tokens' doors to the network. */
  readonly host?: string | undefined
  /** How clients reach the service, when not at host and port: written into every address it answers. */
  readonly publicUrl?: string | undefined
  /** How programs reach the REST API, when they stand elsewhere than the people who follow links; its whole address. */
  readonly publicApiUrl?: string | undefined
  /** Holds the bare repositories; made when missing, never deleted. */
  readonly dataDirectory: string
  readonly users: readonly LocalUser[]
  /** Logins of organizations that may own repositories. */
  readonly organizations?: readonly string[] | undefined
  readonly apps?: readonly LocalApp[] | undefined
  readonly webhook?: WebhookTarget | undefined
  readonly log?: Log | undefined
}

export type SeedRepository = {
  /** Login of one of the users or organizations. */
  readonly owner: string
  readonly name: string
  /** `main` when absent. */
  readonly defaultBranch?: string | undefined
  /** Private when absent: strangers get 404. In a public one every known user has at least `read`. */
  readonly visibility?: 'private' | 'public' | undefined
  /** Roles of single people here, instead of their `permission`. */
  readonly collaborators?: Readonly<Record<string, Role>> | undefined
  /** Branches that nobody may push to. */
  readonly protectedBranches?: readonly string[] | undefined
  /** Commits of the default branch, oldest first. A repository that the data folder has already keeps its own. */
  readonly history?: readonly SeedCommit[] | undefined
  /** Folder of a git repository, or a bundle file, whose branches and tags are taken. */
  readonly copyFrom?: string | undefined
}

export type SeededRepository = { readonly id: number; readonly fullName: string; readonly gitUrl: string }
