import type { NetworkRefusal, RunRecord } from '@devbot/contracts'
import { codeBlock, codeSpan, publishableLine } from './publishable-text.ts'

/** Destinations in the report's table and in the pull request's line; further ones are counted. */
const MAX_ROWS = 30
const MAX_NAMED = 3
/** Host names are hostile text; what is longer than this is no name anybody needs to read. */
const MAX_SHOWN_HOST = 100

/** The report's section on connections out of the sandboxes that were refused in the last run; undefined: there were none. */
export function networkSection(run: RunRecord | undefined): string | undefined {
  const refusals = run?.networkRefusals ?? []
  if (refusals.length === 0) return undefined
  const head = '| destination | why | times | EGRESS_ALLOW |\n| --- | --- | --- | --- |'
  const rows = refusals.slice(0, MAX_ROWS).map(tableRow)
  const more = refusals.slice(MAX_ROWS)
  const rest = more.length === 0 ? '' : `\n\nAnd ${more.length} more rows, ${attempts(more)} attempts.`
  return [
    '## Network',
    'The egress-proxy refused these connections out of the sandboxes of the last run. Nothing was sent to them.',
    `${head}\n${rows.join('\n')}${rest}`,
    ...allowLine(refusals),
  ].join('\n\n')
}

/** The same in one line of a list, for the pull request. */
export function networkLine(run: RunRecord | undefined): string | undefined {
  const refusals = run?.networkRefusals ?? []
  if (refusals.length === 0) return undefined
  const named = refusals.slice(0, MAX_NAMED).map((refusal) => codeSpan(destination(refusal)))
  const more = refusals.length > named.length ? ` and ${refusals.length - named.length} more` : ''
  const count = attempts(refusals)
  const were = count === 1 ? 'connection out of the sandboxes was' : 'connections out of the sandboxes were'
  return `- network: ${count} ${were} refused (${named.join(', ')}${more}); the report says why and what would allow them`
}

function tableRow(refusal: NetworkRefusal): string {
  const { reason, count, allowWith } = refusal
  const allow = allowWith === undefined ? '-' : inCell(allowWith)
  return `| ${inCell(destination(refusal))} | ${publishableLine(reason, 200)} | ${count} | ${allow} |`
}

function inCell(text: string): string {
  return codeSpan(text.slice(0, MAX_SHOWN_HOST + 10)).replaceAll('|', '\\|')
}

function destination({ host, port }: NetworkRefusal): string {
  const shown = host.length > MAX_SHOWN_HOST ? `${host.slice(0, MAX_SHOWN_HOST)}...` : host
  return port === 0 ? shown : `${shown.includes(':') ? `[${shown}]` : shown}:${port}`
}

/** What would allow them, ready to be copied. */
function allowLine(refusals: readonly NetworkRefusal[]): readonly string[] {
  const entries = [...new Set(refusals.slice(0, MAX_ROWS).flatMap(({ allowWith }) => allowWith ?? []))]
  if (entries.length === 0) return []
  return [
    'To allow them, add to `EGRESS_ALLOW` what you know, and start the egress-proxy again. The programs in the sandbox asked for these names; nobody vouches for them:',
    codeBlock(entries.join(',')),
  ]
}

function attempts(refusals: readonly NetworkRefusal[]): number {
  return refusals.reduce((total, { count }) => total + count, 0)
}
