export { withClone } from './stack/clone-summary.ts'
export { type ServiceProcess, startService } from './stack/service-process.ts'
export { PEOPLE, REPOSITORY, type Stack, type StackOptions, startStack } from './stack/start-stack.ts'
export { waitFor } from './stack/wait-for.ts'
