import { join } from 'node:path'
import type { Logger } from '@devbot/config'
import { ensureFolder, newSecret, type Owner, readIfThere, writeOwnedFile } from './owned-file.ts'
import { SERVICE_USER } from './plan-folder-owner.ts'

const ROOT: Owner = { uid: 0, gid: 0 }

/** The repository of the demo, and the people of its GitHub; as in `npm run demo`. */
const REPOSITORY = { owner: 'timespan', name: 'timespan' } as const
/** A second one, with next to nothing in it, for plans that say `repo: timespan/notes`. */
const NOTES = { owner: REPOSITORY.owner, name: 'notes' } as const
const PEOPLE = [
  { login: 'devbot', permission: 'write' },
  { login: 'ada', permission: 'write' },
  { login: 'mallory', permission: 'read' },
] as const

export type DemoFolders = {
  /** For the services: settings that lead to the stand-ins, and the two secrets they need for that. */
  readonly demo: string
  /** For local-github alone: its configuration and everybody's token. */
  readonly github: string
  readonly githubData: string
  /** Where the sample repository is in the image. */
  readonly sampleRepository: string
  /** The ledger's folder, which names the owner. */
  readonly ledger: string
}

/**
 * Prepares the profile `demo`: tokens and a model key of this project's own, made once, and the settings by which the
 * services use the stand-ins whatever `.env` says.
 */
export async function settleDemo(
  folders: DemoFolders,
  options: { readonly instance: string; readonly githubPort: number; readonly log: Logger },
): Promise<void> {
  const owner = await ownerOf(folders.ledger)
  await ensureFolder(folders.demo, ROOT, 0o755)
  await ensureFolder(folders.github, SERVICE_USER, 0o700)
  await ensureFolder(folders.githubData, SERVICE_USER, 0o700)
  const tokens = await settleTokens(folders.github)
  const shared = { uid: owner.uid, gid: SERVICE_USER.gid }
  await writeOwnedFile(join(folders.demo, 'bot-token'), tokens.get('devbot') ?? '', { uid: owner.uid, gid: 0 }, 0o400)
  await settleSecret(join(folders.demo, 'model-key'), shared, 0o440)
  await writeOwnedFile(
    join(folders.github, 'local-github.json'),
    githubConfiguration(folders, tokens),
    SERVICE_USER,
    0o400,
  )
  await writeOwnedFile(join(folders.demo, 'settings.env'), demoSettings(options), ROOT, 0o444)
  options.log.info('the demo is prepared: its GitHub and its model take the place of the real ones')
}

async function ownerOf(ledgerFolder: string): Promise<Owner> {
  const [uid, gid] = ((await readIfThere(join(ledgerFolder, 'owner'))) ?? '').split(':').map(Number)
  if (uid === undefined || gid === undefined || Number.isNaN(uid) || Number.isNaN(gid)) {
    throw new Error('the service init has not named the owner of the plan folder; it has to run before this one')
  }
  return { uid, gid }
}

async function settleTokens(folder: string): Promise<ReadonlyMap<string, string>> {
  const tokens = new Map<string, string>()
  for (const { login } of PEOPLE) {
    tokens.set(login, await settleSecret(join(folder, `${login}-token`), SERVICE_USER, 0o400))
  }
  return tokens
}

async function settleSecret(path: string, owner: Owner, mode: number): Promise<string> {
  const secret = (await readIfThere(path)) ?? `demo-${newSecret()}`
  await writeOwnedFile(path, secret, owner, mode)
  return secret
}

function githubConfiguration(folders: DemoFolders, tokens: ReadonlyMap<string, string>): string {
  return JSON.stringify(
    {
      users: PEOPLE.map(({ login, permission }) => ({ login, permission, token: tokens.get(login) })),
      organizations: [REPOSITORY.owner],
      repositories: [
        { ...REPOSITORY, visibility: 'public', historyFolder: folders.sampleRepository },
        { ...NOTES, visibility: 'public', history: [{ message: 'Begin', files: { 'README.md': '# Notes\n' } }] },
      ],
    },
    undefined,
    2,
  )
}

/** Read by the services' entry program, which lets these win; an empty value takes a variable away. */
export function demoSettings({
  instance,
  githubPort,
}: {
  readonly instance: string
  readonly githubPort: number
}): string {
  const github = `http://local-github:${githubPort}`
  const settings = {
    // Tasks of the demo are nothing to the real thing, which may use the same Redis later.
    DEVBOT_INSTANCE: `${instance.slice(0, 35)}-demo`,
    REPO_NAME: `${REPOSITORY.owner}/${REPOSITORY.name}`,
    ALLOWED_REPOS: `${NOTES.owner}/${NOTES.name}`,
    ANTHROPIC_BASE_URL: 'http://replay-model:8787',
    ANTHROPIC_API_KEY: '',
    ANTHROPIC_API_KEY_FILE: '/run/demo/model-key',
    ANTHROPIC_AUTH_TOKEN: '',
    ANTHROPIC_AUTH_TOKEN_FILE: '',
    ANTHROPIC_CUSTOM_HEADERS: '',
    ANTHROPIC_CUSTOM_HEADERS_FILE: '',
    DEVBOT_MODEL: '',
    DEVBOT_FALLBACK_MODEL: '',
    DEVBOT_PROTOCOL: '',
    DEVBOT_EFFORT: '',
    DEVBOT_THINKING: '',
    MODELS_ALLOWED: '',
    GITHUB_API_URL: `${github}/api/v3`,
    GITHUB_SERVER_URL: github,
    GITHUB_TOKEN: '',
    GITHUB_TOKEN_FILE: '/run/demo/bot-token',
    GITHUB_APP_ID: '',
    GITHUB_APP_PRIVATE_KEY: '',
    GITHUB_APP_PRIVATE_KEY_FILE: '',
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')
}
