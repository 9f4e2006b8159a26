import { createLogger, runService, Secret } from '@devbot/config'
import { readConfig } from './config.ts'
import { startLocalGitHub } from './start-local-github.ts'

await runService(async () => {
  const config = readConfig()
  const secrets = [config.webhookSecret, ...config.users.map((user) => Secret.of(user.token))]
  const log = createLogger({ service: 'local-github', level: config.logLevel, secrets })
  const { webhookUrl: url, webhookSecret: secret } = config
  const webhook = url === undefined || secret === undefined ? undefined : { url, secret: secret.reveal() }
  const github = await startLocalGitHub({ ...config, webhook, log })
  for (const repository of config.repositories) await github.seedRepository(repository)
  return { log, stop: github.stop }
})
