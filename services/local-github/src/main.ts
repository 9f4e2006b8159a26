import { createLogger, runService, Secret } from '@devbot/config'
import { readConfig } from './config.ts'
import { readHistoryFolder } from './read-history-folder.ts'
import { startLocalGitHub } from './start-local-github.ts'

await runService(async () => {
  const config = readConfig()
  const secrets = [config.webhookSecret, ...config.users.map((user) => Secret.of(user.token))]
  const log = createLogger({ service: 'local-github', level: config.logLevel, secrets })
  const { webhookUrl: url, webhookSecret: secret } = config
  const webhook = url === undefined || secret === undefined ? undefined : { url, secret: secret.reveal() }
  const github = await startLocalGitHub({ ...config, webhook, log })
  for (const { historyFolder, ...repository } of config.repositories) {
    const history = historyFolder === undefined ? repository.history : await readHistoryFolder(historyFolder)
    await github.seedRepository({ ...repository, history })
  }
  return { log, stop: github.stop }
})
