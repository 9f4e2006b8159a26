import { createLogger } from '@devbot/config'
import { categoryOf, DevBotError } from '@devbot/contracts'
import { loadInitConfig } from './config.ts'
import { settleDemo } from './settle-demo.ts'
import { settleProject } from './settle-project.ts'

/** Where docker-compose.yml mounts the volumes for init. */
const folders = {
  plans: '/ai-docs',
  redisConfiguration: '/volumes/redis-conf',
  redisData: '/volumes/redis-data',
  ledger: '/volumes/ledger',
  webhook: '/volumes/webhook',
  data: '/volumes/data',
  gate: '/volumes/gate',
  egress: '/volumes/egress',
  egressControl: '/volumes/egress-control',
  demo: '/volumes/demo',
  github: '/volumes/demo-github',
  githubData: '/volumes/demo-github-data',
  sampleRepository: '/app/demo/sample-repository',
} as const

try {
  const config = loadInitConfig()
  const log = createLogger({ service: 'init', level: config.logLevel, secrets: [config.webhookSecret] })
  if (config.target === 'project') await settleProject(folders, { webhookSecret: config.webhookSecret, log })
  else await settleDemo(folders, { instance: config.instance, githubPort: config.demoGithubPort, log })
} catch (error) {
  const text = error instanceof DevBotError ? error.message : error instanceof Error ? error.stack : String(error)
  process.stderr.write(`devbot init failed: ${text}\n`)
  process.exitCode = categoryOf(error) === 'config' ? 2 : 1
}
