export * from './repository-store.ts'
