export * from './init-throwaway-repository.ts'
export * from './process/assert-process-driver-allowed.ts'
export * from './process/process-driver.ts'
export * from './sandbox.ts'
