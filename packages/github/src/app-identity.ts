import { setTimeout as sleep } from 'node:timers/promises'
import { DevBotError, type ErrorCode, type RepositoryName } from '@devbot/contracts'
import type { createAppAuth } from '@octokit/auth-app'
import { z } from 'zod'
import { askOnce, type Identity, readCredential } from './identity.ts'
import { type GitHubOctokit, type OctokitOptions, octokitFor, repeatable } from './octokit-for.ts'
import { ownerAndRepo } from './owner-and-repo.ts'
import { parseAnswer } from './parse-answer.ts'

export type AppAuth = {
  readonly kind: 'app'
  readonly appId: string
  /** PEM. Called at start of use and after a 401; reads the secret anew each time. */
  readonly privateKey: () => string
}

/** What a token may do, and nothing else: `workflows` is never asked for (THREATS.md 4.6). */
const TOKEN_PERMISSIONS = { contents: 'write', pull_requests: 'write', checks: 'read', metadata: 'read' } as const
/** A token this young can be refused because GitHub's servers have not all heard of it (octokit/auth-app.js README). */
const FRESH_TOKEN_MS = 5_000
const FRESH_TOKEN_WAIT_MS = 1_000

const installationSchema = z.object({ id: z.int().positive() })
const appSchema = z.object({ slug: z.string().min(1) })

type Options = Omit<OctokitOptions, 'authorization' | 'rateName'>

/** DevBot as a GitHub App: each repository's requests and git operations carry a token minted for that repository. */
export function createAppIdentity(auth: AppAuth, options: Options): Identity {
  const app = createApp(auth, options)
  const octokits = new Map<RepositoryName, GitHubOctokit>()
  return {
    login: askOnce(async () => {
      const { data } = await app.octokit.rest.apps.getAuthenticated()
      return `${parseAnswer(appSchema, data, 'the app').slug}[bot]`
    }),
    octokit(name) {
      const known =
        octokits.get(name) ??
        octokitFor({
          ...options,
          authorization: installationAuthorization(app, name),
          // An installation's limit is one for all repositories of its owner.
          rateName: `github:${ownerAndRepo(name).owner.toLowerCase()}`,
        })
      octokits.set(name, known)
      return known
    },
    gitToken: async (name) => (await app.mint(name, true)).token,
    alwaysMayPush: true,
  }
}

type App = ReturnType<typeof createApp>

/** The app itself: it signs its own requests, and mints tokens. */
function createApp(auth: AppAuth, options: Options) {
  let appAuth: ReturnType<typeof createAppAuth> | undefined
  const installationIds = new Map<RepositoryName, number>()

  const octokit = octokitFor({
    ...options,
    rateName: 'github:app',
    authorization: {
      header: async () => `bearer ${await signedToken(await currentAuth())}`,
      async renew() {
        appAuth = undefined
        return true
      },
    },
  })

  async function currentAuth() {
    if (appAuth !== undefined) return appAuth
    // 4 MB, for apps only: most have a token.
    const { createAppAuth } = await import('@octokit/auth-app')
    const privateKey = readCredential('GITHUB_APP_PRIVATE_KEY', auth.privateKey)
    // Minting the same token twice is harmless, so it is repeated like a read.
    const request = octokit.request.defaults(repeatable)
    appAuth = createAppAuth({ appId: auth.appId, privateKey, request, log: octokit.log })
    return appAuth
  }

  async function installationId(name: RepositoryName): Promise<number> {
    const known = installationIds.get(name)
    if (known !== undefined) return known
    const { data } = await octokit.rest.apps.getRepoInstallation(ownerAndRepo(name))
    const { id } = parseAnswer(installationSchema, data, 'an installation')
    installationIds.set(name, id)
    return id
  }

  return {
    octokit,
    /** A token for exactly this repository; cached by octokit for just under its hour unless `refresh` is set. */
    async mint(name: RepositoryName, refresh: boolean) {
      try {
        const mintToken = await currentAuth()
        return await mintToken({
          type: 'installation',
          installationId: await installationId(name),
          repositoryNames: [ownerAndRepo(name).repo],
          permissions: { ...TOKEN_PERMISSIONS },
          refresh,
        })
      } catch (error) {
        // The app may have been installed anew meanwhile: the next try asks again.
        installationIds.delete(name)
        throw mintingError(error, name)
      }
    },
  }
}

async function signedToken(appAuth: ReturnType<typeof createAppAuth>): Promise<string> {
  try {
    return (await appAuth({ type: 'app' })).token
  } catch {
    // What the library says about a key it cannot read may quote the key, so it is not kept.
    throw new DevBotError({
      category: 'permission',
      code: 'github-app-key-unusable',
      message:
        'expected the app\'s private key in GITHUB_APP_PRIVATE_KEY as PEM (from "-----BEGIN" to the end), but it cannot sign; make a new key on the app\'s settings page',
    })
  }
}

function installationAuthorization(app: App, name: RepositoryName) {
  let refresh = false
  let mintedAtMs = 0
  return {
    async header() {
      const minted = await app.mint(name, refresh)
      refresh = false
      mintedAtMs = Date.parse(minted.createdAt)
      return `token ${minted.token}`
    },
    async renew() {
      refresh = Date.now() - mintedAtMs > FRESH_TOKEN_MS
      if (!refresh) await sleep(FRESH_TOKEN_WAIT_MS)
      return true
    },
  }
}

function mintingError(error: unknown, name: RepositoryName): unknown {
  if (!(error instanceof DevBotError)) return error
  if (error.code === 'github-not-found') {
    return permission(
      'github-app-not-installed',
      `expected the app to be installed on ${name}; install it there`,
      error,
    )
  }
  if (error.code === 'github-unprocessable') {
    return permission(
      'github-app-lacks-permissions',
      `expected the app's installation on ${name} to grant contents: write, pull requests: write, checks: read, metadata: read; set them in the app's settings and accept them in the installation`,
      error,
    )
  }
  return error
}

function permission(code: ErrorCode, message: string, cause: unknown): DevBotError {
  return new DevBotError({ category: 'permission', code, message, cause })
}
