import { setTimeout as delay } from 'node:timers/promises'
import { KEEPER_USER, SANDBOX_USER } from '@devbot/contracts'
import type { DockerClient } from './docker-client.ts'
import { runInContainer } from './run-in-container.ts'

/** Everything dies at the first; a machine out of memory or processes may need some more. */
const MAX_ATTEMPTS = 5
/** Starting a process in a container takes 80 ms, on a machine with a fork bomb a second. */
const ATTEMPT_TIMEOUT_MS = 10_000

/**
 * One system call ends all that its user may signal, at once, and so everything but the keepers. The shell is named by its
 * path: an image may look for programs in the sandbox's home first (ours does), and find a shell there that does not kill.
 */
const KILL = ['/bin/sh', '-c', 'kill -9 -1'] as const
/**
 * Ends with 3 when a process is there that is no keeper's and no zombie, or when one was started meanwhile, which might have
 * slipped by: the last field of loadavg is the newest process id. It runs as the keeper, so that what runs in the sandbox
 * can neither trace nor end it, and starts no program itself, which might be one of the sandbox's.
 */
const LOOK = [
  '/bin/sh',
  '-c',
  `left=0
read -r _ _ _ _ newest </proc/loadavg
for process in /proc/[0-9]*; do
  state= uid=
  while read -r key value rest; do
    case $key in
    State:) state=$value ;;
    Uid:) uid=$value; break ;;
    esac
  done <"$process/status"
  case $state:$uid in *:${KEEPER_USER.split(':')[0]} | [ZX]:* | *:) ;; *) left=3 ;; esac
done 2>/dev/null
read -r _ _ _ _ now </proc/loadavg
[ "$newest" = "$now" ] || left=3
exit $left`,
] as const

/** Whether every process of the sandbox's user was killed: false when some would not die, or it could not be seen. */
export async function killEverything(client: DockerClient, containerId: string): Promise<boolean> {
  const run = (user: string, argv: readonly string[]) =>
    runInContainer({ client, containerId, user, argv, timeoutMs: ATTEMPT_TIMEOUT_MS })
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    await run(SANDBOX_USER, KILL)
    const look = await run(KEEPER_USER, LOOK)
    if (look?.exitCode === 0) return true
    await delay(20 * attempt ** 2)
  }
  return false
}
