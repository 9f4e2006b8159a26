import { defineConfig } from 'vitest/config'

const exclude = ['**/node_modules/**', '**/.devbot/**', 'demo/sample-repository/**']
/**
 * Integration and end-to-end tests share two cores with real servers and child processes, and wait for them much of the
 * time. Integration tests are run a second time when they fail, which the reporter says: one in some thousands meets
 * another file's processes. End-to-end tests build on each other and are not.
 */
const realParts = { testTimeout: 120_000, hookTimeout: 120_000, retry: 1 }

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          // One set of modules for all files of a process: loading them was half of the time. Unit tests keep no state.
          isolate: false,
          maxWorkers: 3,
          // They take milliseconds; the rest is for a machine that has much else to do.
          testTimeout: 30_000,
          include: ['{packages,services,demo,bench,e2e/src}/**/*.test.ts', 'setup/**/*.test.mjs'],
          exclude: [...exclude, '**/*.integration.test.ts'],
        },
      },
      { test: { name: 'integration', include: ['**/*.integration.test.ts'], exclude, maxWorkers: 3, ...realParts } },
      {
        test: {
          name: 'e2e',
          include: ['e2e/**/*.e2e.test.ts'],
          exclude,
          maxWorkers: 3,
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
})
