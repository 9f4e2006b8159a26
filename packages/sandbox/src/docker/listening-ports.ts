import { createInterface } from 'node:readline'
import { SANDBOX_USER } from '@devbot/contracts'
import type { DockerClient } from './docker-client.ts'
import { createExecProcess } from './exec-process.ts'

/**
 * Prints each of the given ports (four hexadecimal digits) once it is listened on at 127.0.0.1 or at all addresses, until
 * all are, or so many seconds have passed. It reads what the kernel says of the pod's network, and connects to nothing:
 * many servers log a connection that says nothing as an error. Only builtins, ten looks a second.
 */
const LOOK = `
seconds=$1; shift
wanted=" $* "
looks=0
while [ "$wanted" != " " ] && [ $looks -lt $((seconds * 10)) ]; do
  for table in /proc/net/tcp /proc/net/tcp6; do
    [ -r $table ] || continue
    while read -r _ address _ state _; do
      [ "$state" = 0A ] || continue
      port=\${address##*:}
      case \${address%:*} in
      0100007F | 00000000 | 00000000000000000000000000000000 | 0000000000000000FFFF00000100007F) ;;
      *) continue ;;
      esac
      case $wanted in *" $port "*) echo "$port"; wanted="\${wanted%% $port *} \${wanted#* $port }" ;; esac
    done <$table
  done
  looks=$((looks + 1))
  [ "$wanted" = " " ] || sleep 0.1
done`

export type ListeningPorts = {
  readonly has: (port: number) => boolean
  /** Nothing more is told: it was stopped, its time is over, or the engine lost it. */
  readonly isOver: () => boolean
  readonly close: () => void
}

type WatchInput = {
  readonly client: DockerClient
  /** Of the pod: nothing untrusted runs in it, so nothing can tell it what is not so. */
  readonly anchorId: string
  readonly ports: readonly number[]
  readonly seconds: number
}

/** Watches, from the anchor, which ports of the pod are listened on. Throws DevBotError `sandbox` when the engine cannot start it. */
export async function watchPorts({ client, anchorId, ports, seconds }: WatchInput): Promise<ListeningPorts> {
  const argv = ['/bin/sh', '-c', LOOK, 'sh', String(seconds), ...ports.map(inHex)]
  const execId = await client.createExec(anchorId, { argv, user: SANDBOX_USER })
  const stream = await client.startExec(execId)
  const isRunning = async () => (await client.inspectContainer(anchorId))?.running ?? false
  const process = createExecProcess({ client, execId, stream, isRunning, kill: async () => void stream.destroy() })
  const found = new Set<number>()
  let isOver = false
  process.stderr.resume()
  process.stdin.end()
  createInterface({ input: process.stdout }).on('line', (line) => found.add(Number.parseInt(line, 16)))
  void process.exitCode.then(() => {
    isOver = true
  })
  return {
    has: (port) => found.has(port),
    isOver: () => isOver,
    close: () => void stream.destroy(),
  }
}

function inHex(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0')
}
