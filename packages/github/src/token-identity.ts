import { z } from 'zod'
import { askOnce, type Identity, readCredential } from './identity.ts'
import { type OctokitOptions, octokitFor } from './octokit-for.ts'
import { parseAnswer } from './parse-answer.ts'

export type TokenAuth = {
  readonly kind: 'token'
  /** Called at first use, for each git operation and after a 401; reads the secret anew each time. */
  readonly token: () => string
}

const userSchema = z.object({ login: z.string().min(1) })

/** DevBot as the owner of a personal access token. */
export function createTokenIdentity(
  auth: TokenAuth,
  options: Omit<OctokitOptions, 'authorization' | 'rateName'>,
): Identity {
  let token: string | undefined
  const read = () => {
    token = readCredential('GITHUB_TOKEN', auth.token)
    return token
  }
  const octokit = octokitFor({
    ...options,
    rateName: 'github:core',
    authorization: {
      header: async () => headerFor(token ?? read()),
      renew: async (refusedHeader) => headerFor(read()) !== refusedHeader,
    },
  })
  return {
    login: askOnce(async () => {
      const { data } = await octokit.rest.users.getAuthenticated()
      return parseAnswer(userSchema, data, 'a user').login
    }),
    octokit: () => octokit,
    gitToken: async () => read(),
    alwaysMayPush: false,
  }
}

function headerFor(token: string): string {
  return `token ${token}`
}
