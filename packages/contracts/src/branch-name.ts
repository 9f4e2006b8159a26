/** Longest branch name DevBot makes or accepts; leaves room for `refs/heads/` in file names of 255 bytes. */
const MAX_BRANCH_LENGTH = 200
/** Longest slug in a branch name, so that lists stay readable. */
const MAX_SLUG_LENGTH = 60

/**
 * DevBot's own ref grammar, stricter than git's: letters, digits and `. _ - /`. It has no character with a meaning
 * to a shell, to git's revision syntax or to HTML. Returns what is wrong, or undefined for a good name.
 */
export function branchNameProblem(name: string): string | undefined {
  if (name.length === 0 || name.length > MAX_BRANCH_LENGTH) return `expected 1 to ${MAX_BRANCH_LENGTH} characters`
  if (!/^[A-Za-z0-9._/-]+$/.test(name)) return 'expected only letters, digits and . _ - / in a branch name'
  for (const part of name.split('/')) {
    if (part === '') return 'expected no empty part between slashes'
    if (/^[.-]/.test(part)) return `expected no part to start with "." or "-", found "${part}"`
    if (part.endsWith('.') || part.endsWith('.lock'))
      return `expected no part to end with "." or ".lock", found "${part}"`
    if (part.includes('..')) return `expected no ".." in "${part}"`
  }
  if (name === 'HEAD' || /^refs\//.test(name)) return 'expected a short branch name, not HEAD or refs/...'
  return undefined
}

/** The branch of a task: `agent/<slug of the plan's name>-<unix seconds of acceptance>`. */
export function branchNameFor(input: {
  readonly prefix: string
  readonly planPath: string
  readonly acceptedAtMs: number
}): string {
  return `${input.prefix}${slugFor(input.planPath)}-${Math.floor(input.acceptedAtMs / 1000)}`
}

/** A slug of a plan's file name: `250102__PLAN__Add Retry.md` -> `250102-plan-add-retry`. */
export function slugFor(planPath: string): string {
  const name = planPath.replace(/^.*\//, '').replace(/\.md$/i, '')
  const slug = name
    .normalize('NFKD')
    // The accents, now apart from their letters: `für` becomes `fur`, not `fu-r`.
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_SLUG_LENGTH)
    .replace(/^-+|-+$/g, '')
  return slug === '' ? 'plan' : slug
}
