import type { ErrorEntry } from '../error-catalogue/error-entry.ts'
import { ERROR_AREAS, errorEntry, isErrorCode, RETRY_RULES } from '../error-catalogue.ts'
import { FAILURE_KINDS, type FailureKind } from './failure-kinds.ts'

const HEAD = `# Errors

Every error of DevBot has a code. \`devbot explain <code>\`, \`devbot show <task>\` and the report say of it what stands here:
what happened, what to do, and what DevBot does by itself. This page is made from the catalogue in
\`packages/contracts/src/error-catalogue/\` by
\`pnpm exec vitest run packages/contracts/src/errors-page.test.ts -u\`; the same test says when it is stale.

What people are shown is the first cause: what fails afterwards (a sandbox that cannot be removed, a connection that
breaks after a refusal) is only in the log.

What DevBot does by itself, in the order of patience:`

/** `docs/errors.md`, formatted as the repository's Markdown is. */
export function renderErrorsPage(): string {
  const areas = Object.entries(ERROR_AREAS).map(
    ([area, entries]) => `## ${area}\n\n${Object.entries(entries).map(entryLine).join('\n')}`,
  )
  const rules = Object.entries(RETRY_RULES).map(([rule, words]) => `- ${rule}: ${words}`)
  return `${[`${HEAD}\n\n${rules.join('\n')}`, kindsSection(), ...areas].join('\n\n')}\n`
}

function entryLine([code, { cause, remedy, retry, attempts }]: [string, ErrorEntry]): string {
  const atMost = attempts === undefined ? '' : `, ${attempts} times in a row at most`
  return `- \`${code}\`: ${cause} **${remedy}** (${retry}${atMost})`
}

function kindsSection(): string {
  const rows = [['failure', 'becomes', 'what follows', 'shown by'], ...FAILURE_KINDS.map(kindRow)]
  return `## Kinds of failure, each with a test\n\n${alignedTable(rows)}`
}

function kindRow({ kind, becomes, test: [file] }: FailureKind): readonly string[] {
  const known = isErrorCode(becomes)
  return [kind, known ? `\`${becomes}\`` : becomes, known ? errorEntry(becomes).retry : '-', `\`${file}\``]
}

function alignedTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}
