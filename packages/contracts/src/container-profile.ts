/**
 * The names that the Docker driver, the docker-gate and the egress-proxy share. The driver writes them, the gate checks
 * them with a schema of its own: what is wrong in one is refused by the other.
 */

/** Labels of everything DevBot makes on an engine. Values are strings, as the engine keeps them. */
export const CONTAINER_LABELS = {
  instance: 'dev.devbot.instance',
  /** One pod: an anchor, a sandbox, perhaps side services and a volume. */
  pod: 'dev.devbot.pod',
  role: 'dev.devbot.role',
  /** On side services alone: the name that the policy gave it. */
  service: 'dev.devbot.service',
  purpose: 'dev.devbot.purpose',
  task: 'dev.devbot.task',
  run: 'dev.devbot.run',
  epoch: 'dev.devbot.epoch',
  /** UTC milliseconds after which nothing may use it any more. */
  expires: 'dev.devbot.expires',
} as const

export const CONTAINER_ROLES = ['anchor', 'sandbox', 'service', 'workspace'] as const
export type ContainerRole = (typeof CONTAINER_ROLES)[number]

/** A pod's id: 24 hexadecimal digits from chance. */
export const POD_ID_PATTERN = /^[0-9a-f]{24}$/

/** What runs untrusted code. In Debian, Alpine and busybox images it has a passwd entry (nobody). */
export const SANDBOX_USER = '65534:65534'
/** The container's first process and the anchor: untrusted code cannot signal them, so it cannot end its container. */
export const KEEPER_USER = '65533:65533'

/** Where a sandbox may write: one file system with workspace, home and scratch, and /tmp. */
export const SANDBOX_PATHS = {
  root: '/sandbox',
  workspace: '/sandbox/workspace',
  home: '/sandbox/home',
  scratch: '/sandbox/scratch',
  temporary: '/tmp',
} as const

/** The anchor listens here for a sandbox's way out, on the pod's loopback. */
export const EGRESS_PORT = 3128
/** Where the volume with the egress-proxy's sockets is in an anchor: one socket per pod, `<pod id>.sock`. */
export const EGRESS_SOCKET_FOLDER = '/run/egress'

/** A part of a pod, as its name says it; a service's ends with its own name. */
export type PodPartRole = Exclude<ContainerRole, 'service'> | `service-${string}`

/** `devbot-<instance>-<pod id>-<role>`: containers by anchor, sandbox and `service-<name>`, volumes by workspace. */
export function podPartName(instance: string, podId: string, role: PodPartRole): string {
  return `devbot-${instance}-${podId}-${role}`
}
