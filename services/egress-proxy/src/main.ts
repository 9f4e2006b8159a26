import { runService } from '@devbot/config'
import { loadEgressProxyConfig } from './config.ts'
import { startEgressProxy } from './start-egress-proxy.ts'

await runService(async () => startEgressProxy(loadEgressProxyConfig()))
