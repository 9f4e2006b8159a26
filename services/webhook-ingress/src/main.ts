import { runService } from '@devbot/config'
import { loadIngressConfig } from './config.ts'
import { startIngress } from './start-ingress.ts'

await runService(async () => startIngress(loadIngressConfig()))
