import { createGitHubClient } from '@devbot/github'
import { doctorSettings, readSetting } from '../../config.ts'
import { type Answer, missing } from './finding.ts'

type GitHubAuth = Parameters<typeof createGitHubClient>[0]['auth']

/** Longest a question to GitHub may take. */
const ASK_TIMEOUT_MS = 10_000
/** Scopes of a classic token that DevBot must not have: a change of a workflow would run with the repository's secrets. */
const TOO_MUCH = /^(workflow|delete_repo|admin:.*|write:org|user)$/

export async function lookAtGitHub(): Promise<Answer> {
  const repository = readSetting(doctorSettings.repository)
  const auth = githubAuth()
  const apiUrl = readSetting(doctorSettings.githubApiUrl)
  const github = createGitHubClient({ apiUrl, auth })
  const [login, facts, tooMuch] = await Promise.all([
    github.login(),
    github.repository(repository),
    excessiveScopes(apiUrl, auth),
  ])
  if (!facts.canPush)
    throw missing(`${login} may not push to ${repository}; grant write access to contents and pull requests`)
  const found = `${login} may push to ${facts.name} (default branch ${facts.defaultBranch})`
  if (tooMuch.length === 0) return found
  return {
    weak: `${found}, but the token may do more than DevBot needs (${tooMuch.join(', ')}): use a fine-grained token with write access to contents and pull requests only`,
  }
}

function githubAuth(): GitHubAuth {
  const appId = readSetting(doctorSettings.githubAppId)
  const privateKey = readSetting(doctorSettings.githubAppPrivateKey)
  if (appId !== undefined && privateKey !== undefined)
    return { kind: 'app', appId, privateKey: () => privateKey.reveal() }
  const token = readSetting(doctorSettings.githubToken)
  if (token === undefined)
    throw missing(
      'set GITHUB_TOKEN (a fine-grained token with write access to contents and pull requests), or GITHUB_APP_ID with GITHUB_APP_PRIVATE_KEY',
    )
  return { kind: 'token', token: () => token.reveal() }
}

/** GitHub names a classic token's scopes in a header; fine-grained tokens and apps have none. */
async function excessiveScopes(apiUrl: string, auth: GitHubAuth): Promise<readonly string[]> {
  if (auth.kind === 'app') return []
  try {
    const response = await fetch(`${apiUrl.replace(/\/+$/, '')}/user`, {
      headers: { authorization: `Bearer ${auth.token()}` },
      signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
      redirect: 'error',
    })
    await response.body?.cancel()
    const scopes = (response.headers.get('x-oauth-scopes') ?? '').split(',').map((scope) => scope.trim())
    return scopes.filter((scope) => TOO_MUCH.test(scope))
  } catch {
    // The client asks the same address and says better what is wrong.
    return []
  }
}
