export { type ServiceProcess, startService } from './stack/service-process.ts'
export { type Stack, type StackOptions, startStack } from './stack/start-stack.ts'
export { waitFor } from './stack/wait-for.ts'
