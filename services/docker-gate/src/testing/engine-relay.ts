import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export type EngineRelay = {
  /** First lines of what reached the engine and was not a mere look, since the last call. */
  takeChanges(): readonly string[]
  stop(): Promise<void>
}

/** Stands between gate and engine and writes down what gets through. The gate makes a connection per request. */
export async function startEngineRelay(path: string, engineSocket: string): Promise<EngineRelay> {
  let changes: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: engineSocket, allowHalfOpen: true })
    client.once('data', (chunk: Buffer) => {
      const line = chunk.toString('latin1').split('\r\n')[0] ?? ''
      if (!line.startsWith('GET ')) changes.push(line)
    })
    client.pipe(engine).pipe(client)
    for (const socket of [client, engine]) {
      sockets.add(socket)
      socket.on('error', () => {
        client.destroy()
        engine.destroy()
      })
      socket.once('close', () => sockets.delete(socket))
    }
  })
  server.listen(path)
  await once(server, 'listening')
  return {
    takeChanges() {
      const taken = changes
      changes = []
      return taken
    },
    async stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
