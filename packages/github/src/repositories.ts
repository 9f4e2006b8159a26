import { DevBotError, type RepositoryName, repositoryNameSchema } from '@devbot/contracts'
import { z } from 'zod'
import type { GitHubClient, Permission, RepositoryFacts } from './client.ts'
import type { Identity } from './identity.ts'
import { ownerAndRepo } from './owner-and-repo.ts'
import { parseAnswer } from './parse-answer.ts'

type RepositoryCalls = Pick<GitHubClient, 'login' | 'repository' | 'permissionOf' | 'gitCredentials'>

const repositoryFactsSchema = z.object({
  id: z.int().positive(),
  full_name: repositoryNameSchema,
  default_branch: z.string().min(1),
  archived: z.boolean().default(false),
  permissions: z.object({ push: z.boolean().default(false) }).optional(),
})
const permissionSchema = z.object({ permission: z.string(), role_name: z.string().nullish() })
const permissions: readonly string[] = ['admin', 'maintain', 'write', 'triage', 'read', 'none']

/** Questions about a repository: what it is, who may do what in it, and how git gets in. */
export function createRepositoryCalls(identity: Identity): RepositoryCalls {
  async function repository(name: RepositoryName): Promise<RepositoryFacts> {
    const { data } = await identity.octokit(name).rest.repos.get(ownerAndRepo(name))
    const facts = parseAnswer(repositoryFactsSchema, data, 'a repository')
    return {
      id: facts.id,
      name: facts.full_name,
      defaultBranch: facts.default_branch,
      canPush: identity.alwaysMayPush || facts.permissions?.push === true,
      archived: facts.archived,
    }
  }

  async function permissionOf(name: RepositoryName, login: string): Promise<Permission> {
    const { rest } = identity.octokit(name)
    try {
      const { data } = await rest.repos.getCollaboratorPermissionLevel({ ...ownerAndRepo(name), username: login })
      const answer = parseAnswer(permissionSchema, data, 'a permission')
      return toPermission(answer.role_name) ?? toPermission(answer.permission) ?? 'none'
    } catch (error) {
      if (!(error instanceof DevBotError) || error.code !== 'github-not-found') throw error
      // Nobody of that name, or a repository that we cannot see just now: only the first is an answer.
      await repository(name)
      return 'none'
    }
  }

  return {
    login: () => identity.login(),
    repository,
    permissionOf,
    gitCredentials: async (name) => ({ username: 'x-access-token', password: await identity.gitToken(name) }),
  }
}

/** Undefined for a role that an organisation made itself; its base is in the other field. */
function toPermission(text: string | null | undefined): Permission | undefined {
  return isPermission(text) ? text : undefined
}

function isPermission(text: string | null | undefined): text is Permission {
  return typeof text === 'string' && permissions.includes(text)
}
