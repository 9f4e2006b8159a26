import { createPathGlobs } from '@devbot/git'

/** The changed paths that none of the globs covers, in their order. No globs: everything is in scope. */
export function outOfScopePaths(changedPaths: readonly string[], allowedGlobs: readonly string[]): readonly string[] {
  if (allowedGlobs.length === 0) return []
  const covered = createPathGlobs(allowedGlobs)
  return changedPaths.filter((path) => covered(path) === undefined)
}

/** Globs that a change should stay within, and who says so. */
export type Scope = { readonly saidBy: string; readonly globs: readonly string[] }

export type OutOfScope = { readonly kind: 'out-of-scope'; readonly path: string; readonly detail: string }

/** Each changed path that lies outside one of the scopes, once, as a concern. */
export function scopeConcerns(changedPaths: readonly string[], scopes: readonly Scope[]): readonly OutOfScope[] {
  const concerns = new Map<string, OutOfScope>()
  for (const { saidBy, globs } of scopes) {
    for (const path of outOfScopePaths(changedPaths, globs)) {
      const detail = `${saidBy} wants changes only in ${globs.join(', ')}`.slice(0, 500)
      if (!concerns.has(path)) concerns.set(path, { kind: 'out-of-scope', path, detail })
    }
  }
  return [...concerns.values()]
}
