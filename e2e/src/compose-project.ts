import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CONTAINER_LABELS, type Task, taskSchema } from '@devbot/contracts'
import { z } from 'zod'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))

type Environment = Readonly<Record<string, string | undefined>>

/** What the Docker client and git need of the machine; everything else of a developer's shell could be a setting. */
const NEEDED_OF_THE_MACHINE = ['PATH', 'HOME', 'DOCKER_HOST', 'DOCKER_CONFIG', 'DOCKER_CONTEXT', 'DOCKER_CERT_PATH']
/** A first build fetches packages; every other command is done in seconds, on a busy machine in a minute. */
const COMMAND_TIMEOUT_MS = 900_000
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2
/** What is left for a moment of a health check that the engine gave up on a busy machine. */
const HEALTH_CHECK_PROGRAMS = new Set(['answers-ready', 'socat'])

/** The images that `--build` gives new names to. */
const BUILT_IMAGES = ['devbot:0.1.0', 'devbot-sandbox:0.1.0'] as const

const listedSchema = z.object({
  Service: z.string(),
  Name: z.string(),
  State: z.string(),
  Health: z.string(),
  ExitCode: z.number(),
  Publishers: z
    .array(z.object({ URL: z.string(), TargetPort: z.number(), PublishedPort: z.number() }))
    .nullish()
    .transform((publishers) => publishers ?? []),
})
/** A container as `docker compose ps` lists it. */
export type ListedContainer = z.infer<typeof listedSchema>

const inspectedSchema = z.object({
  Id: z.string(),
  Config: z.object({ Labels: z.record(z.string(), z.string()), Env: z.array(z.string()) }),
  HostConfig: z.object({
    Privileged: z.boolean(),
    ReadonlyRootfs: z.boolean(),
    SecurityOpt: z.array(z.string()).nullable(),
    CapAdd: z.array(z.string()).nullable(),
    CapDrop: z.array(z.string()).nullable(),
    RestartPolicy: z.object({ Name: z.string() }),
    NetworkMode: z.string(),
    PidMode: z.string(),
    PidsLimit: z.number().nullable(),
    Memory: z.number(),
    LogConfig: z.object({ Config: z.record(z.string(), z.string()) }),
  }),
  Mounts: z.array(z.object({ Type: z.string(), Source: z.string(), Destination: z.string(), RW: z.boolean() })),
  NetworkSettings: z.object({ Networks: z.record(z.string(), z.unknown()) }),
})
export type InspectedContainer = z.infer<typeof inspectedSchema> & { readonly service: string }

const tasksSchema = z.array(z.object({ task: taskSchema }))
const runsSchema = z.object({
  runs: z.array(
    z.object({
      outcome: z.object({ kind: z.string() }).optional(),
      verification: z.object({ treeId: z.string() }).optional(),
    }),
  ),
})

/** Where each secret is that init made, under the name of whose it is. */
const SECRETS = [
  ['redis', 'redis', '/run/redis/password'],
  ['webhook', 'webhook-ingress', '/run/webhook/webhook-secret'],
  ['model', 'replay-model', '/run/demo/model-key'],
  ['ada', 'local-github', '/run/demo-github/ada-token'],
  ['mallory', 'local-github', '/run/demo-github/mallory-token'],
  ['devbot', 'local-github', '/run/demo-github/devbot-token'],
] as const
const SECRET_PATTERN = /^(demo-)?[0-9a-f]{64}$/

/** A process as its `/proc/<pid>/status` describes it. */
export type ProcessStatus = ReadonlyMap<string, string>

export type ComposeProject = ReturnType<typeof createComposeProject>

/**
 * The checkout's compose project under a name of its own. `env` is all that the compose file's variables see, so no
 * `.env`, override file or shell of a developer has a say; `machine` is where the client's own settings come from.
 */
export function createComposeProject(options: {
  readonly name: string
  readonly machine: Environment
  readonly env: Readonly<Record<string, string>>
}) {
  const { name, machine } = options
  const kept = Object.fromEntries(NEEDED_OF_THE_MACHINE.map((variable) => [variable, machine[variable]]))
  const env = {
    ...kept,
    COMPOSE_PROJECT_NAME: name,
    COMPOSE_FILE: join(root, 'docker-compose.yml'),
    COMPOSE_DISABLE_ENV_FILE: '1',
    ...options.env,
  }
  const docker = async (...args: readonly string[]) => {
    const { stdout } = await run('docker', args, {
      env,
      cwd: root,
      timeout: COMMAND_TIMEOUT_MS,
      maxBuffer: MAX_OUTPUT_BYTES,
    })
    return stdout
  }
  const compose = (...args: readonly string[]) => docker('compose', ...args)
  const everything = ['--profile', 'demo', '--profile', 'cli'] as const
  /** A command of `devbot` in the cli container; its exit code and what it said. */
  const cli = async (...args: readonly string[]) => {
    try {
      return { code: 0, stdout: await compose('run', '--rm', '-T', 'cli', ...args) }
    } catch (error) {
      const ending = z.object({ code: z.number(), stdout: z.string() }).safeParse(error)
      if (!ending.success) throw error
      return ending.data
    }
  }
  const inspectRaw = async () => {
    const ids = lines(await compose(...everything, 'ps', '--all', '--quiet'))
    return docker('inspect', ...ids)
  }
  return {
    name,
    docker,
    compose,
    cli,
    /** What is shown to whoever may look: the configuration, and the engine's word on every container. */
    shown: async () => [await compose(...everything, 'config'), await inspectRaw()],
    logs: () => compose(...everything, 'logs', '--no-color'),
    /** Where things stand, for people who look why a test failed. */
    newestLogs: async () =>
      `${await compose(...everything, 'ps', '--all')}\n${await compose(...everything, 'logs', '--no-color', '--tail', '50')}`,
    list: async (): Promise<readonly ListedContainer[]> =>
      lines(await compose(...everything, 'ps', '--all', '--format', 'json')).map((line) =>
        listedSchema.parse(JSON.parse(line)),
      ),
    inspect: async (): Promise<readonly InspectedContainer[]> =>
      z
        .array(inspectedSchema)
        .parse(JSON.parse(await inspectRaw()))
        .map((container) => ({ ...container, service: container.Config.Labels['com.docker.compose.service'] ?? '' })),
    networkIsInternal: async (network: string) =>
      (await docker('network', 'inspect', '--format', '{{.Internal}}', `${name}_${network}`)).trim() === 'true',
    tasks: async (): Promise<readonly Task[]> =>
      tasksSchema.parse(JSON.parse((await cli('tasks', '--json')).stdout)).map(({ task }) => task),
    /** The runs of a task, oldest first. */
    runsOf: async (taskId: string) => runsSchema.parse(JSON.parse((await cli('show', taskId, '--json')).stdout)).runs,
    /** The demo's secrets by whose they are, each read where a service has it. */
    secrets: async (): Promise<ReadonlyMap<string, string>> =>
      new Map(
        await Promise.all(
          SECRETS.map(async ([whose, service, path]) => {
            const secret = (await compose('exec', '-T', service, 'cat', path)).trim()
            if (!SECRET_PATTERN.test(secret))
              throw new Error(`${path} in ${service} holds no secret as init makes them`)
            return [whose, secret] as const
          }),
        ),
      ),
    /** The container's first process and what came of it; not what compose or the health check run beside them. */
    processes: async (service: string) =>
      descendantsOfFirst(await compose('exec', '-T', service, 'sh', '-c', 'cat /proc/[0-9]*/status 2>/dev/null; :')),
    /** Sandboxes and their volumes, whoever of this project made them. */
    sandboxes: async () => {
      const filter = (instance: string) => ['--filter', `label=${CONTAINER_LABELS.instance}=${instance}`]
      const found = [name, `${name}-demo`].flatMap((instance) => [
        docker('ps', '--all', '--format', '{{.Names}}', ...filter(instance)),
        docker('volume', 'ls', '--format', '{{.Name}}', ...filter(instance)),
      ])
      return (await Promise.all(found)).flatMap(lines)
    },
    /** Containers, networks and volumes of this project. */
    leftovers: async () => {
      const label = ['--filter', `label=com.docker.compose.project=${name}`]
      const found = await Promise.all([
        // A container of another stack has this label too when it was made from an image that was built here.
        docker('ps', '--all', '--format', '{{.Names}}', ...label, '--filter', 'label=com.docker.compose.config-hash'),
        docker('network', 'ls', '--format', '{{.Name}}', ...label),
        docker('volume', 'ls', '--format', '{{.Name}}', ...label),
      ])
      return found.flatMap(lines)
    },
    remove: () => compose(...everything, 'down', '--volumes', '--remove-orphans', '--timeout', '60'),
    /** The images' ids, for `giveBackNames`. */
    imageIds: () => Promise.all(BUILT_IMAGES.map((image) => imageId(docker, image))),
    /**
     * Compose writes the project's name into what it builds, so each run of this would leave two more images without a
     * name: the names go back to the images that had them.
     */
    giveBackNames: async (before: readonly (string | undefined)[]) => {
      for (const [index, image] of BUILT_IMAGES.entries()) {
        const [old, now] = [before[index], await imageId(docker, image)]
        // Somebody else may have built a newer one meanwhile.
        if (old !== undefined && now !== old && (await isBuiltHere(docker, image, name)))
          await docker('tag', old, image)
      }
      const nameless = ['--filter', `label=com.docker.compose.project=${name}`, '--filter', 'dangling=true']
      for (const id of lines(await docker('images', '--quiet', '--no-trunc', ...nameless))) {
        // Refused where another stack's sandbox has been made from it meanwhile.
        await docker('rmi', id).catch(() => undefined)
      }
    },
  }
}

async function imageId(docker: (...args: string[]) => Promise<string>, image: string): Promise<string | undefined> {
  return lines(await docker('images', '--quiet', '--no-trunc', image))[0]
}

async function isBuiltHere(docker: (...args: string[]) => Promise<string>, image: string, project: string) {
  const label = '{{index .Config.Labels "com.docker.compose.project"}}'
  return (await docker('image', 'inspect', '--format', label, image)).trim() === project
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '')
}

function descendantsOfFirst(text: string): readonly ProcessStatus[] {
  const all = text
    .split(/^(?=Name:)/m)
    .filter((block) => block.includes('Pid:'))
    .map(
      (block) =>
        new Map([...block.matchAll(/^(\w+):[ \t]*(.*?)[ \t]*$/gm)].map(([, key = '', value = '']) => [key, value])),
    )
  const wanted = new Set(['1'])
  for (const status of all.toSorted((one, other) => Number(one.get('Pid')) - Number(other.get('Pid')))) {
    if (wanted.has(status.get('PPid') ?? '')) wanted.add(status.get('Pid') ?? '')
  }
  return all.filter(
    (status) => wanted.has(status.get('Pid') ?? '') && !HEALTH_CHECK_PROGRAMS.has(status.get('Name') ?? ''),
  )
}

/** Whether the client has a compose that understands the file. */
export async function hasCompose(machine: Environment): Promise<boolean> {
  try {
    const { stdout } = await run('docker', ['compose', 'version', '--short'], { env: { ...machine } })
    const [major = 0, minor = 0] = stdout.trim().replace(/^v/, '').split('.').map(Number)
    return major > 2 || (major === 2 && minor >= 20)
  } catch {
    // No client, or one without the plugin: then there is no compose.
    return false
  }
}

/**
 * Settings that only say how this machine is: its engine's socket, and the npm registry as `setup/docker-images.mjs`
 * gives it to builds, so that those are shared.
 */
export async function settingsOfTheMachine(machine: Environment): Promise<Readonly<Record<string, string>>> {
  const { DOCKER_SOCKET, DOCKER_HOST } = machine
  const socket = DOCKER_SOCKET ?? (DOCKER_HOST?.startsWith('unix://') ? DOCKER_HOST.slice('unix://'.length) : undefined)
  return {
    ...(socket === undefined ? {} : { DOCKER_SOCKET_PATH: socket }),
    ...(await registryOfTheMachine(machine)),
  }
}

async function registryOfTheMachine(machine: Environment): Promise<Readonly<Record<string, string>>> {
  const { npm_config_registry: fromEnvironment, ...plain } = machine
  const ask = async (...options: readonly string[]) =>
    (await run('npm', ['config', 'get', 'registry', ...options], { env: plain, cwd: root })).stdout.trim()
  const [chosen, usual] = await Promise.all([
    ask(),
    ask('--userconfig=/dev/null', `--globalconfig=${join(root, '.devbot', 'no-such-npmrc')}`),
  ])
  const registry = fromEnvironment ?? chosen
  return registry === usual || usual === '' ? {} : { NPM_REGISTRY: registry }
}

/** Every ref of a remote, as `git ls-remote` has it over HTTP; the token is in no argument. */
export async function remoteRefs(
  url: string,
  token: string,
  machine: Environment,
): Promise<ReadonlyMap<string, string>> {
  const env = {
    PATH: machine.PATH,
    HOME: tmpdir(),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'http.extraHeader',
    GIT_CONFIG_VALUE_0: `Authorization: Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`,
  }
  const { stdout } = await run('git', ['ls-remote', url], { env })
  return new Map([...stdout.matchAll(/^(\w+)\t(.+)$/gm)].map(([, id = '', ref = '']) => [ref, id]))
}

/** A port of loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('expected a port')
  return address.port
}
