import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { root, serviceEnvironment } from '../config.ts'

/** `watch`, `server`, `worker`: runs one service here until it is stopped, and ends with its exit code. */
export async function runServiceProcess(
  name: 'watcher' | 'webhook-ingress' | 'worker',
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const child = spawn(process.execPath, [join(root, 'services', name, 'src', 'main.ts')], {
    stdio: 'inherit',
    cwd: root,
    env: serviceEnvironment(env),
  })
  const forward = (signal: NodeJS.Signals) => child.kill(signal)
  process.on('SIGTERM', forward)
  process.on('SIGINT', forward)
  const [code] = await once(child, 'exit')
  return typeof code === 'number' ? code : 1
}
