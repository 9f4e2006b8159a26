import {
  type AcceptanceResult,
  type CommandEnd,
  type Concern,
  commandSucceeded,
  type LintResult,
  type RunRecord,
  type TestEvidence,
} from '@devbot/contracts'
import { seconds } from './facts.ts'
import { codeSpan, publishableLine } from './publishable-text.ts'

/** Names in one cell of the report's table, and concerns in a list; the rest is counted. */
const MAX_NAMED = 10
const MAX_LISTED_CONCERNS = 50
const MAX_NAME_CHARACTERS = 160

/** Each kind in the words of the table, and in short. */
const ROWS = [
  ['fixed', 'failed before, pass now', 'fixed'],
  ['passed', 'pass', 'passed'],
  ['regressed', 'passed before, fail now', 'regressed'],
  ['alreadyBroken', 'failed before, fail now', 'already broken'],
  ['newFailing', 'fail now, not known before', 'newly failing'],
  ['skipped', 'skipped', 'skipped'],
  ['newlySkipped', 'skipped now, ran before', 'newly skipped'],
  ['gone', 'there before, gone now', 'gone'],
] as const

/** The run whose evidence, concerns and criteria speak of the tree that was delivered last; else the newest that has some. */
export function examinedRun(runs: readonly RunRecord[]): RunRecord | undefined {
  const treeId = runs.findLast((run) => run.commitId !== undefined)?.treeId
  if (treeId === undefined) return runs.findLast((run) => run.examinedTreeId !== undefined)
  return runs.findLast((run) => run.examinedTreeId === treeId)
}

/** One sentence on single tests: what there is of each kind. */
export function evidenceSentence(evidence: TestEvidence): string {
  const { counts } = evidence
  const parts = ROWS.flatMap(([kind, , words]) => {
    const shown = kind === 'newFailing' && !evidence.compared ? 'failing' : words
    return counts[kind] === 0 ? [] : [`${counts[kind]} ${shown}`]
  })
  const base = evidence.compared ? '' : '; there is no list of the base to compare with'
  return `${parts.length === 0 ? 'none' : parts.join(', ')} (by the output of ${evidence.runner}${base})`
}

/** The report's table of single tests. */
export function evidenceTable(evidence: TestEvidence | undefined): string {
  if (evidence === undefined) return 'Single tests: the output is of no runner that DevBot can read.'
  const rows = ROWS.flatMap(([kind, words]) => {
    const count = evidence.counts[kind]
    if (count === 0) return []
    const names = kind === 'passed' || kind === 'skipped' ? [] : evidence[kind]
    return [
      `| ${kind === 'newFailing' && !evidence.compared ? 'fail' : words} | ${count} | ${namesCell(names, count)} |`,
    ]
  })
  const head = `| tests, by the output of ${evidence.runner} | how many | which |\n| --- | --- | --- |`
  return [head, ...(rows.length === 0 ? ['| none | 0 | - |'] : rows)].join('\n')
}

/** The tests that a reviewer looks for first, as a list: broken by the change. */
export function brokenTests(evidence: TestEvidence | undefined): readonly string[] {
  const names = evidence === undefined ? [] : [...evidence.regressed, ...evidence.newFailing]
  const shown = names.slice(0, MAX_NAMED).map((name) => `  - ${nameSpan(name)}`)
  return names.length > shown.length ? [...shown, `  - and ${names.length - shown.length} more`] : shown
}

/** Criteria with commands, before and after; undefined where the plan has no criteria. */
export function acceptanceTable(results: readonly AcceptanceResult[] | undefined): string | undefined {
  if (results === undefined || results.length === 0) return undefined
  const rows = results.map(({ criterion, command, before, after }) => {
    const ends = command === undefined ? '- | -' : `${endWords(before, MET)} | ${endWords(after, MET)}`
    return `| ${publishableLine(criterion)} | ${command === undefined ? 'no command' : inCell(command)} | ${ends} |`
  })
  return `| criterion | command | before | after |\n| --- | --- | --- | --- |\n${rows.join('\n')}`
}

/** How many of the criteria with a command are met; undefined where there are none. */
export function acceptanceSentence(results: readonly AcceptanceResult[] | undefined): string | undefined {
  const checked = (results ?? []).filter(({ command }) => command !== undefined)
  if (checked.length === 0) return undefined
  const met = checked.filter(({ after }) => after !== undefined && commandSucceeded(after))
  return `${met.length} of ${checked.length} criteria with a command are met`
}

export function lintSentence({ command, before, after }: LintResult): string {
  return `${inCell(command)}: before ${endWords(before, PASSED)}, after ${endWords(after, PASSED)}`
}

const CONCERN_WORDS: Readonly<Record<Concern['kind'], string>> = {
  'test-deleted': 'tests deleted',
  'test-skipped': 'tests skipped',
  'fewer-assertions': 'fewer assertions',
  'test-setup-changed': 'test set-up changed',
  'out-of-scope': 'out of scope',
  'acceptance-failed': 'criterion not met',
  'lint-failed': 'lint fails',
}

/** What a person should look at before merging, one line each; undefined when nothing. */
export function concernList(concerns: readonly Concern[] | undefined): string | undefined {
  if (concerns === undefined || concerns.length === 0) return undefined
  const lines = concerns.slice(0, MAX_LISTED_CONCERNS).map(({ kind, path, detail }) => {
    const where = path === undefined ? '' : ` ${codeSpan(path)}:`
    return `- **${CONCERN_WORDS[kind]}**:${where} ${publishableLine(detail, 500)}`
  })
  const more = concerns.length > lines.length ? [`- and ${concerns.length - lines.length} more`] : []
  return [...lines, ...more].join('\n')
}

const MET = ['met', 'not met'] as const
const PASSED = ['passed', 'failed'] as const

function endWords(end: CommandEnd | undefined, [good, bad]: readonly [string, string]): string {
  if (end === undefined) return 'not run'
  const how = end.timedOut ? 'out of time' : end.exitCode === undefined ? 'no end' : `exit code ${end.exitCode}`
  return `${commandSucceeded(end) ? good : bad} (${how}, ${seconds(end.durationMs)})`
}

function namesCell(names: readonly string[], count: number): string {
  const shown = names.slice(0, MAX_NAMED).map(nameSpan)
  if (shown.length === 0) return '-'
  return `${shown.join('<br>')}${count > shown.length ? `<br>and ${count - shown.length} more` : ''}`
}

function nameSpan(name: string): string {
  return inCell(name.length > MAX_NAME_CHARACTERS ? `${name.slice(0, MAX_NAME_CHARACTERS)}...` : name)
}

function inCell(text: string): string {
  return codeSpan(text).replaceAll('|', '\\|')
}
