import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'

/** What a program in a sandbox does at its proxy, over a pod's socket. */
export async function connectPod(path: string): Promise<Socket> {
  const socket = connect({ path })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

export type Reply = { readonly status: number; readonly head: string; readonly rest: Buffer }

/** Sends bytes as they are and reads one answer's head. Status 0: the connection ended without one. */
export async function ask(socket: Socket, bytes: string | Buffer): Promise<Reply> {
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  return await readReply(socket)
}

export async function readReply(socket: Socket): Promise<Reply> {
  let seen = Buffer.alloc(0)
  const { promise, resolve } = Promise.withResolvers<Reply>()
  const look = (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk])
    const end = seen.indexOf('\r\n\r\n')
    if (end < 0) return
    socket.off('data', look).pause()
    const head = seen.subarray(0, end).toString('latin1')
    resolve({ status: Number(head.split(' ')[1]), head, rest: seen.subarray(end + 4) })
  }
  socket.on('data', look).resume()
  socket.once('end', () => resolve({ status: 0, head: '', rest: seen }))
  socket.once('close', () => resolve({ status: 0, head: '', rest: seen }))
  return await promise
}

/** A whole answer, head and body, of a request after which the proxy closes. */
export async function askToTheEnd(path: string, bytes: string | Buffer): Promise<string> {
  const socket = await connectPod(path)
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  return await readToTheEnd(socket)
}

export async function readToTheEnd(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString('latin1'))).resume()
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  return text
}

export async function openTunnel(path: string, target: string): Promise<Reply & { readonly socket: Socket }> {
  const socket = await connectPod(path)
  return { ...(await ask(socket, `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)), socket }
}

/** TLS through a tunnel, as a program would: `servername` is what the hello says. */
export async function tlsThrough(
  path: string,
  target: string,
  options: { readonly ca: string; readonly servername?: string },
): Promise<TLSSocket> {
  const { status, head, socket } = await openTunnel(path, target)
  if (status !== 200) throw new Error(head)
  const tls = connectTls({
    socket,
    ca: options.ca,
    checkServerIdentity: () => undefined,
    ...(options.servername && { servername: options.servername }),
  })
  await once(tls, 'secureConnect')
  return tls
}

/** A question to the control socket. */
export async function control(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const asked = request({ socketPath, method, path, agent: false })
  asked.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
  const [answer] = await once(asked, 'response')
  let text = ''
  for await (const chunk of answer) text += chunk
  return { status: answer.statusCode, body: text === '' ? undefined : JSON.parse(text) }
}
