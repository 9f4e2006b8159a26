import { branchNameProblem, repositoryNameSchema } from '@devbot/contracts'
import { z } from 'zod'
import {
  integerVariable,
  listVariable,
  numberVariable,
  optionalSecretVariable,
  optionalVariable,
  secretVariable,
  sizeVariable,
  variable,
} from './load-config.ts'
import { Secret } from './secret.ts'

/** DevBot's version, and the tag of its images. */
const VERSION = '0.1.0'

const imageName = z
  .string()
  .regex(
    /^[a-z0-9][\w.-]*(:\d+)?(\/[\w.-]+)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/,
    "expected an image's name, like devbot-sandbox:0.1.0",
  )

/** Variables that several services read, each defined once. Names and defaults are the outside contract (DESIGN.md 10). */
const redisUrl = optionalSecretVariable('REDIS_URL', { expected: 'expected redis://host:port' })

export const sharedVariables = {
  /** A secret because it may hold the password. */
  redisUrl: {
    name: 'REDIS_URL',
    read: (env: Readonly<Record<string, string | undefined>>) =>
      redisUrl.read(env) ?? Secret.of('redis://127.0.0.1:6379'),
  },
  instance: variable(
    'DEVBOT_INSTANCE',
    z.string().regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'expected up to 40 lower-case letters, digits, _ or -'),
    'devbot',
  ),
  logLevel: variable(
    'LOG_LEVEL',
    z.enum(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'expected fatal, error, warn, info, debug, trace or silent',
    ),
    'info',
  ),
  opsPort: integerVariable('OPS_PORT', { min: 0, max: 65_535, default: 9464 }),
  repository: variable('REPO_NAME', repositoryNameSchema),
  allowedRepositories: listVariable('ALLOWED_REPOS', repositoryNameSchema),
  branchPrefix: variable(
    'BRANCH_PREFIX',
    z
      .string()
      .refine(
        (text) => text.endsWith('/') && branchNameProblem(`${text}x`) === undefined,
        'expected a branch prefix that ends with a slash, like agent/',
      ),
    'agent/',
  ),
  plansDirectory: variable('AI_DOCS_DIR', z.string().min(1).max(4096), 'ai-docs'),
  /** Docker's own variable; compose points it at docker-gate. */
  dockerHost: variable(
    'DOCKER_HOST',
    z.string().regex(/^(unix:\/\/\/.+|tcp:\/\/[^/]+:\d+)$/, 'expected unix:///path/to/socket or tcp://host:port'),
    'unix:///var/run/docker.sock',
  ),
  sandboxImage: variable('SANDBOX_IMAGE', imageName, `devbot-sandbox:${VERSION}`),
  /** The image of the container that holds a pod's network namespace: DevBot's own. */
  anchorImage: variable('SANDBOX_ANCHOR_IMAGE', imageName, `devbot:${VERSION}`),
  /** Images that repositories may choose for their sandboxes and side services; empty: every one. */
  imagesAllowed: listVariable(
    'IMAGES_ALLOWED',
    z
      .string()
      .max(255)
      .regex(/^[A-Za-z0-9._:/@*-]+$/, "expected images' names, in which * stands for any text, like ghcr.io/acme/*"),
  ),
  sandboxRuntime: variable(
    'SANDBOX_RUNTIME',
    z
      .string()
      .regex(/^[A-Za-z0-9][\w.-]{0,63}$/, 'expected the name of a runtime the engine knows, like runc or runsc'),
    'runc',
  ),
  sandboxMemoryBytes: sizeVariable('SANDBOX_MEMORY', { minBytes: 256 * 1024 ** 2, default: '2g' }),
  sandboxDiskBytes: sizeVariable('SANDBOX_DISK', { minBytes: 64 * 1024 ** 2, default: '2g' }),
  sandboxCpus: numberVariable('SANDBOX_CPUS', { min: 0.1, max: 256, default: 2 }),
  sandboxProcesses: integerVariable('SANDBOX_PIDS', { min: 64, max: 32_768, default: 512 }),
  /** Of each side service. */
  serviceMemoryBytes: sizeVariable('SERVICE_MEMORY', { minBytes: 64 * 1024 ** 2, default: '512m' }),
  serviceDiskBytes: sizeVariable('SERVICE_DISK', { minBytes: 64 * 1024 ** 2, default: '1g' }),
  /** The volume with the egress-proxy's sockets; absent: nothing leads out of a sandbox. */
  egressVolume: optionalVariable(
    'EGRESS_VOLUME',
    z.string().regex(/^[A-Za-z0-9][\w.-]{1,127}$/, "expected a volume's name"),
  ),
  webhookSecrets: secretVariable('GITHUB_WEBHOOK_SECRET', {
    minLength: 16,
    expected: 'expected a random text of 16 characters or more; two comma-separated ones during rotation',
  }),
} as const
