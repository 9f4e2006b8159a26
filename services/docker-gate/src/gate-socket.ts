import { once } from 'node:events'
import { chmod, lstat, unlink } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { DevBotError } from '@devbot/contracts'

/**
 * Listens on a Unix socket of its own, after removing one that a dead gate left. Throws category `config` when the path
 * is in use or cannot be made.
 */
export async function listenOnSocket(server: Server, path: string, mode: string): Promise<void> {
  await removeStale(path)
  server.listen(path)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw socketProblem(`${path} cannot be listened on; its folder has to exist and be writable`, cause)
  }
  // Until here only the gate's own user could connect.
  await chmod(path, Number.parseInt(mode, 8))
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket()) throw socketProblem(`${path} exists and is no socket; choose another path`)
  if (await isAnswered(path)) throw socketProblem(`another process listens on ${path}; stop it, or choose another path`)
  await unlink(path)
}

async function isAnswered(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    // Refused: the process that made it is gone.
    return false
  } finally {
    socket.destroy()
  }
}

function socketProblem(message: string, cause?: unknown): DevBotError {
  return new DevBotError({ category: 'config', code: 'gate-socket', message: `GATE_SOCKET: ${message}`, cause })
}
