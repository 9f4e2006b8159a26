import { createServer } from 'node:http'
import { Queue } from 'bullmq'
import { createNodeMiddleware, Probot } from 'probot'
import { z } from 'zod'

/**
 * What one would write with Probot: one handler, which puts the delivery into a BullMQ queue. Probot checks the
 * signature, parses the body, makes an octokit for the installation, runs the handler and then answers.
 */
const env = z
  .object({ REDIS_PORT: z.coerce.number(), WEBHOOK_SECRET: z.string(), PRIVATE_KEY: z.string(), QUEUE: z.string() })
  .parse(process.env)

const queue = new Queue(env.QUEUE, { connection: { host: '127.0.0.1', port: env.REDIS_PORT } })
const probot = new Probot({
  appId: 1,
  privateKey: env.PRIVATE_KEY,
  secret: env.WEBHOOK_SECRET,
  logLevel: 'info',
  logFormat: 'json',
})
const middleware = await createNodeMiddleware(
  (app) => {
    app.on('pull_request_review.submitted', async ({ id, payload }) => {
      await queue.add('review', payload, { jobId: id })
    })
  },
  { probot, webhooksPath: '/webhook' },
)
const server = createServer((request, response) => void middleware(request, response))
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  process.stdout.write(`${JSON.stringify({ msg: 'probot ready', port })}\n`)
})
process.once('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
  void queue.close()
})
