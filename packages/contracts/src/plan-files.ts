/** Names a plan folder may hold that are documents about the folder, not plans. Compared in lower case. */
const NOT_PLANS = new Set(['readme.md', 'agents.md', 'claude.md', 'contributing.md', 'changelog.md', 'index.md'])

/** Suffix of the file that says why a plan was rejected. */
export const REJECTION_SUFFIX = '.rejected.md'

/**
 * Whether a file name directly in the plan folder names a plan: a `.md` file that is not a report, a rejection, hidden,
 * temporary, or one of the well-known documents.
 */
export function isPlanFileName(name: string): boolean {
  const lower = name.toLowerCase()
  if (!lower.endsWith('.md') || name.includes('/')) return false
  if (name.startsWith('.') || name.startsWith('~') || name.startsWith('#')) return false
  if (lower.endsWith(REJECTION_SUFFIX) || isReportFileName(name)) return false
  return !NOT_PLANS.has(lower)
}

/** Whether a file name is one that DevBot gives to reports. */
export function isReportFileName(name: string): boolean {
  return /\.report\.md$/i.test(name) || /^\d{6}__REPORT__.+\.md$/i.test(name)
}

/** The report's file name: `YYMMDD__PLAN__topic.md` -> `YYMMDD__REPORT__topic.md`, else `<name>.report.md`. */
export function reportFileNameFor(planFileName: string): string {
  const seedStyle = /^(\d{6})__PLAN__(.+\.md)$/i.exec(planFileName)
  if (seedStyle) return `${seedStyle[1]}__REPORT__${seedStyle[2]}`
  return planFileName.replace(/\.md$/i, '.report.md')
}

/** The rejection's file name, beside the plan. */
export function rejectionFileNameFor(planFileName: string): string {
  return planFileName.replace(/\.md$/i, REJECTION_SUFFIX)
}
