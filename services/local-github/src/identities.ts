import { z } from 'zod'
import type { Emulator } from './emulator.ts'
import type { LocalApp, LocalUser, Role } from './options.ts'
import type { LocalRepository } from './repositories.ts'

/** Who a request comes from. */
export type Identity = {
  readonly login: string
  readonly kind: 'user' | 'installation'
  /** What the emulator knows this identity by. */
  readonly emulatorToken: string
  /** Only for installations. */
  readonly installation?: {
    readonly mayWrite: boolean
    readonly repositoryIds?: readonly number[]
    readonly account: string
  }
  readonly expiresAtMs?: number
}

export type Identities = {
  /** The identity of a token, or undefined for one that nobody has. */
  readonly ofToken: (token: string) => Identity | undefined
  /** Notes an installation token that the emulator made. */
  readonly addInstallationToken: (installationId: number, answer: unknown) => void
  /** What somebody may do in a repository, asked anew each time. */
  readonly roleOf: (identity: Identity, repository: LocalRepository) => Promise<Role>
  readonly roleOfLogin: (login: string, repository: LocalRepository) => Promise<Role>
  readonly isBot: (login: string) => boolean
}

const ROLE_NAMES: Readonly<Record<string, Role>> = {
  read: 'read',
  triage: 'triage',
  write: 'write',
  maintain: 'maintain',
  admin: 'admin',
}

const installationTokenSchema = z.object({
  token: z.string(),
  expires_at: z.string(),
  permissions: z.record(z.string(), z.string()),
  repositories: z.array(z.object({ id: z.number() })).optional(),
})

export function createIdentities(options: {
  readonly users: readonly LocalUser[]
  readonly apps: readonly LocalApp[]
  readonly emulator: Emulator
}): Identities {
  const byToken = new Map<string, Identity>()
  for (const { login, token } of options.users) {
    byToken.set(token, { login, kind: 'user', emulatorToken: options.emulator.tokenOf(login) ?? '' })
  }
  const bots = new Set(options.users.filter((user) => user.type === 'Bot').map((user) => user.login))

  const ofToken = (token: string) => {
    const identity = byToken.get(token)
    return identity?.expiresAtMs !== undefined && identity.expiresAtMs < Date.now() ? undefined : identity
  }
  const addInstallationToken = (installationId: number, answer: unknown) => {
    const app = options.apps.find((candidate) => candidate.installationId === installationId)
    const issued = installationTokenSchema.parse(answer)
    if (app === undefined) return
    byToken.set(issued.token, {
      login: `${app.slug}[bot]`,
      kind: 'installation',
      emulatorToken: issued.token,
      installation: {
        account: app.account,
        mayWrite: issued.permissions.contents === 'write',
        ...(issued.repositories ? { repositoryIds: issued.repositories.map(({ id }) => id) } : {}),
      },
      expiresAtMs: Date.parse(issued.expires_at),
    })
  }
  const roleOfLogin = async (login: string, repository: LocalRepository): Promise<Role> => {
    const path = `/repos/${repository.fullName}/collaborators/${encodeURIComponent(login)}/permission`
    const answer = await options.emulator.call({ method: 'GET', path })
    const least = repository.isPublic ? 'read' : 'none'
    if (answer.status !== 200) return least
    return ROLE_NAMES[z.object({ role_name: z.string() }).parse(answer.body).role_name] ?? least
  }
  const roleOf = async (identity: Identity, repository: LocalRepository): Promise<Role> => {
    if (identity.installation === undefined) return roleOfLogin(identity.login, repository)
    const { account, repositoryIds, mayWrite } = identity.installation
    const reaches = account === repository.owner && (repositoryIds?.includes(repository.id) ?? true)
    if (!reaches) return repository.isPublic ? 'read' : 'none'
    return mayWrite ? 'write' : 'read'
  }
  const isBot = (login: string) => bots.has(login) || login.endsWith('[bot]')
  return { ofToken, addInstallationToken, roleOf, roleOfLogin, isBot }
}
