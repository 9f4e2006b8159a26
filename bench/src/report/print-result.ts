import { cpus, loadavg } from 'node:os'
import { untilStoppedIfInterrupted } from '../processes/when-interrupted.ts'
import { type BenchResult, type Figure, isMet, ratioOf } from './figure.ts'

/** A load average above this before the start means that something else uses the machine. */
const QUIET_LOAD = 2

/** Measures, prints a table or (with `--json`) a document, and says when the machine was not quiet. */
export async function printResult(measure: () => Promise<BenchResult>): Promise<void> {
  const loadBefore = loadavg()[0] ?? 0
  const startedAt = performance.now()
  const result = await measure().catch(async (error: unknown) => {
    await untilStoppedIfInterrupted()
    throw error
  })
  const facts = {
    date: new Date().toISOString().slice(0, 10),
    cores: cpus().length,
    platform: process.platform,
    node: process.version,
    loadBefore: Number(loadBefore.toFixed(2)),
    tookSeconds: Math.round((performance.now() - startedAt) / 1000),
  }
  const text = process.argv.includes('--json') ? jsonOf(facts, result) : textOf(facts, result)
  process.stdout.write(`${text}\n`)
}

/** Progress, apart from the result: a bench takes minutes. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

type Facts = Readonly<Record<string, string | number>> & { readonly loadBefore: number }

function jsonOf(facts: Facts, { figures, notes }: BenchResult): string {
  const lines = figures.map((figure) => ({ ...figure, ratio: ratioOf(figure), met: isMet(figure) }))
  return JSON.stringify({ ...facts, figures: lines, notes }, undefined, 2)
}

function textOf(facts: Facts, { figures, notes }: BenchResult): string {
  const busy = facts.loadBefore > QUIET_LOAD ? ' THE MACHINE WAS NOT QUIET: measure again.' : ''
  const head = `${facts.date}, ${facts.cores} cores, ${facts.platform}, Node ${facts.node}, load average before ${facts.loadBefore}, ${facts.tookSeconds} s.${busy}`
  return [head, '', ...tableOf(figures), '', ...notes.map((note) => `- ${note}`)].join('\n')
}

function tableOf(figures: readonly Figure[]): readonly string[] {
  const rows = [['what', 'ours', 'baseline', 'ratio', 'design', 'met'], ...figures.map(rowOf)]
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, at) => Math.max(widest[at] ?? 0, cell.length)),
    [],
  )
  const line = (row: readonly string[]) => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = rows
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body.map(line)]
}

function rowOf(figure: Figure): string[] {
  const { name, unit, ours, baseline, others = [], design, atLeast } = figure
  const value = (number: number) => `${shown(number)} ${unit}`.trimEnd()
  const met = isMet(figure)
  return [
    name,
    value(ours),
    [...(baseline === undefined ? [] : [baseline]), ...others]
      .map((other) => `${value(other.value)} (${other.what})`)
      .join(', '),
    ratioOf(figure)?.toPrecision(2) ?? '',
    design === undefined ? '' : `${atLeast === true ? '>=' : '<='} ${value(design)}`,
    met === undefined ? (figure.disturbed === true ? '?' : '') : met ? 'yes' : 'NO',
  ]
}

function shown(number: number): string {
  return number >= 100 || Number.isInteger(number) ? number.toFixed(0) : number.toPrecision(3)
}
