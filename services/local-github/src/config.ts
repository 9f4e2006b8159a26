import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import {
  configError,
  integerVariable,
  loadConfig,
  optionalSecretVariable,
  optionalVariable,
  sharedVariables,
  variable,
} from '@devbot/config'
import { z } from 'zod'
import { ROLES } from './options.ts'

const roleSchema = z.enum(ROLES)
const commitSchema = z.strictObject({
  message: z.string().min(1),
  directory: z.string().optional(),
  files: z.record(z.string(), z.string().nullable()).optional(),
  date: z.iso.datetime().optional(),
})

/** The file that `LOCAL_GITHUB_CONFIG_FILE` names. Paths in it are relative to its folder. */
const fileSchema = z.strictObject({
  users: z
    .array(
      z.strictObject({
        login: z.string().min(1),
        token: z.string().min(8, 'expected a token of 8 characters or more'),
        permission: roleSchema.optional(),
        type: z.enum(['User', 'Bot']).optional(),
      }),
    )
    .min(1),
  organizations: z.array(z.string().min(1)).default([]),
  repositories: z
    .array(
      z.strictObject({
        owner: z.string().min(1),
        name: z.string().min(1),
        defaultBranch: z.string().optional(),
        visibility: z.enum(['private', 'public']).optional(),
        collaborators: z.record(z.string(), roleSchema).optional(),
        protectedBranches: z.array(z.string()).optional(),
        history: z.array(commitSchema).optional(),
        historyFolder: z.string().optional(),
        copyFrom: z.string().optional(),
      }),
    )
    .default([]),
})

const table = {
  host: variable('LOCAL_GITHUB_HOST', z.string().min(1), '127.0.0.1'),
  port: integerVariable('LOCAL_GITHUB_PORT', { min: 0, max: 65_535, default: 8090 }),
  publicUrl: optionalVariable('LOCAL_GITHUB_URL', z.url('expected http://host:port').transform(withoutSlash)),
  publicApiUrl: optionalVariable(
    'LOCAL_GITHUB_API_URL',
    z.url('expected http://host:port/api/v3').transform(withoutSlash),
  ),
  dataDirectory: variable('LOCAL_GITHUB_DATA_DIR', z.string().min(1, "expected a folder's path")),
  configFile: variable('LOCAL_GITHUB_CONFIG_FILE', z.string().min(1, "expected a JSON file's path")),
  webhookUrl: optionalVariable('LOCAL_GITHUB_WEBHOOK_URL', z.url('expected http://host:port/webhook')),
  webhookSecret: optionalSecretVariable('GITHUB_WEBHOOK_SECRET', {
    minLength: 16,
    expected: 'expected the secret that the receiver checks, 16 characters or more',
  }),
  logLevel: sharedVariables.logLevel,
}

/** The service's settings from the environment and its file. Throws one error that names everything wrong. */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env) {
  const config = loadConfig(env, table)
  if ((config.webhookUrl === undefined) !== (config.webhookSecret === undefined)) {
    throw configError(['LOCAL_GITHUB_WEBHOOK_URL and GITHUB_WEBHOOK_SECRET: set both or none'])
  }
  return { ...config, ...readConfigFile(config.configFile) }
}

function readConfigFile(path: string) {
  const file = fileSchema.safeParse(parseJsonFile(path), { reportInput: false })
  if (!file.success) {
    throw configError(file.error.issues.map((issue) => `${path}: ${issue.path.join('.')}: ${issue.message}`))
  }
  const from = (relative: string) => resolve(dirname(path), relative)
  const repositories = file.data.repositories.map((repository) => ({
    ...repository,
    history: repository.history?.map((commit) => ({
      ...commit,
      directory: commit.directory === undefined ? undefined : from(commit.directory),
    })),
    historyFolder: repository.historyFolder === undefined ? undefined : from(repository.historyFolder),
    copyFrom: repository.copyFrom === undefined ? undefined : from(repository.copyFrom),
  }))
  return { ...file.data, repositories }
}

function parseJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    // The parser's own message may quote the file, which holds tokens.
    const problem = error instanceof SyntaxError ? 'it is not JSON' : String(error)
    throw configError([`LOCAL_GITHUB_CONFIG_FILE: ${path} cannot be read: ${problem}`])
  }
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '')
}
