export {
  type ConfigOf,
  configError,
  type Environment,
  integerVariable,
  listVariable,
  loadConfig,
  numberVariable,
  optionalSecretVariable,
  optionalVariable,
  readVariable,
  secretVariable,
  sizeVariable,
  type Variable,
  VariableProblem,
  variable,
} from './load-config.ts'
export { createLogger, formsOf, type Logger, withoutSecrets } from './logger.ts'
export { createMetrics, type OpsServer, startOpsServer } from './ops-server.ts'
export { type RunningService, runService } from './run-service.ts'
export { Secret } from './secret.ts'
export { sharedVariables } from './settings.ts'
