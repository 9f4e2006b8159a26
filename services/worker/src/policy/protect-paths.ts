import { createProtectedGlobs } from '@devbot/git'
import type { ProtectedPaths } from './run-rules.ts'

/** Why a path may not be changed, as the report says it; undefined where it may. */
export function protectPaths(all: readonly ProtectedPaths[]): (path: string) => string | undefined {
  const guards = all
    .filter(({ globs }) => globs.length > 0)
    .map(({ globs, saidBy }) => ({ saidBy, globOf: createProtectedGlobs(globs) }))
  return (path) => {
    for (const { globOf, saidBy } of guards) {
      const glob = globOf(path)
      if (glob !== undefined)
        return `it is protected (${glob} in ${saidBy}) and left as it was; a person has to change it`
    }
    return undefined
  }
}
