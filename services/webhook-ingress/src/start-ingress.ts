import { createLogger, createMetrics, type Logger, type RunningService, Secret, startOpsServer } from '@devbot/config'
import { connectLedger, createTaskQueue } from '@devbot/queue'
import { createApp } from './app.ts'
import { allowedRepositoriesOf, type IngressConfig } from './config.ts'
import { listen } from './ingress-server.ts'
import { ledgerProblem } from './ledger-problem.ts'
import { createWebhookSecrets, webhookSecretsIn } from './webhook-secrets.ts'

/** Builds the ingress' parts and starts them: ledger, queue, the webhook's HTTP side, health. */
export async function startIngress(config: IngressConfig): Promise<RunningService & { log: Logger; port: number }> {
  const single = webhookSecretsIn(config.webhookSecrets.reveal()) ?? []
  const secrets = [config.redisUrl, config.webhookSecrets, ...single.map((text) => Secret.of(text))]
  const log = createLogger({ service: 'webhook-ingress', level: config.logLevel, secrets })
  const redis = { redisUrl: config.redisUrl.reveal(), instance: config.instance }
  const ledger = await connectLedger(redis)
  await ledger.checkSafety()
  await ledger.raiseVersion()
  const queue = createTaskQueue(redis)
  const app = createApp({
    ledger,
    queue,
    secrets: createWebhookSecrets(config.webhookSecrets, log),
    allowedRepositories: allowedRepositoriesOf(config),
    branchPrefix: config.branchPrefix,
    settleMs: config.settleSeconds * 1000,
    log,
  })
  const server = await listen(app, config.port)
  const notReady = () => ledgerProblem(ledger)
  const ops = await startOpsServer({ port: config.opsPort, metrics: createMetrics(), notReady })
  log.info(
    { port: server.port, opsPort: ops.port, repositories: allowedRepositoriesOf(config) },
    'webhook-ingress ready',
  )
  return {
    log,
    port: server.port,
    async stop() {
      await server.close()
      await ops.close()
      await queue.close()
      await ledger.close()
    },
  }
}
