import { readFile } from 'node:fs/promises'
import type { TrajectoryInput } from '@devbot/replay-model'

/** The demo's sample repository, as the floors get it. */
export const SAMPLE = new URL('../../../demo/sample-repository/files/', import.meta.url)

/** In the first message of every run that plays it. */
export const TRAJECTORY_MARK = 'bench: harness'

/** The plan, as DevBot gets it and as the floors get it; the number makes each run a plan of its own. */
export function planText(run: string): string {
  return `# Add formatShort (${run})

${TRAJECTORY_MARK}

Add \`formatShort(ms, most)\` to the library: the same text as \`formatCompact\`, with at most \`most\` units (two when
left out); smaller ones are dropped, not rounded. It has its tests and its line in the README's table.
`
}

/**
 * What the floors begin with: the plan, and the repository's own instructions, which every agent that people use reads
 * by itself. Everything else in a first message is the harness's.
 */
export async function floorMessage(run: string): Promise<string> {
  return `${planText(run)}\n${await readFile(new URL('AGENTS.md', SAMPLE), 'utf8')}`
}

/** Runs tests and says how long they took by the clock of the place they run in: that time is nobody's harness. */
function timedTests(files: string): string {
  return `t=$(date +%s%N); node --test ${files} 2>&1; echo took_ns=$(($(date +%s%N)-t))`
}

const call = (tool: string, input: Readonly<Record<string, unknown>>) => ({ tool, input })
const shell = (command: string) => call('shell', { command })
const read = (path: string) => call('read', { path })
const edit = (path: string, old_text: string, new_text: string) => call('edit', { path, old_text, new_text })
const search = (pattern: string, path: string) => call('search', { pattern, path })

const source = `import { checkedDuration } from './duration-error.ts'
import { splitUnits } from './split-units.ts'
import { UNIT_FACTS, UNITS } from './units.ts'

/** Like \`formatCompact\`, but with at most \`most\` units, from the largest on; what is smaller is dropped. */
export function formatShort(ms: number, most = 2): string {
  const whole = Math.trunc(Math.abs(checkedDuration(ms)))
  const parts = splitUnits(whole)
  const shown = UNITS.filter((unit) => parts[unit] !== undefined).slice(0, most)
  const text = shown.map((unit) => \`\${parts[unit]}\${UNIT_FACTS[unit].symbol}\`).join('')
  return (ms < 0 ? '-' : '') + text
}
`

const tests = `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DurationError, formatShort } from '../src/index.ts'

test('shows the two largest units', () => {
  assert.equal(formatShort(93_784_000), '1d2h')
  assert.equal(formatShort(-5_400_000), '-1h30m')
})

test('shows as many units as it is asked for', () => {
  assert.equal(formatShort(93_784_000, 1), '1d')
  assert.equal(formatShort(93_784_000, 3), '1d2h3m')
})

test('writes nothing as 0s', () => {
  assert.equal(formatShort(0), '0s')
})
`

/**
 * Thirty turns as an agent takes them on the demo's sample repository: look around, write, see a test fail, mend it,
 * document it, look again. Two of them think, some say what they are about.
 */
export const harnessTrajectory: TrajectoryInput = {
  name: 'harness',
  match: TRAJECTORY_MARK,
  turns: [
    { text: 'I look at the layout first.', calls: [shell('ls -la && cat package.json')] },
    { calls: [shell("find src test -name '*.ts' | sort | xargs wc -l")] },
    { calls: [read('README.md')] },
    { text: 'The function next to it is formatCompact.', calls: [read('src/format-compact.ts')] },
    { calls: [read('src/split-units.ts'), read('src/units.ts')] },
    { calls: [search('checkedDuration', 'src')] },
    { calls: [read('src/duration-error.ts')] },
    { calls: [read('src/index.ts')] },
    { calls: [read('test/format-compact.test.ts')] },
    { text: 'The tests as they are now.', calls: [shell(timedTests('test/format-compact.test.ts'))] },
    {
      thinking: 'The units come ordered, so the first ones that are there are the largest. The sign stays in front.',
      calls: [call('write', { path: 'src/format-short.ts', content: source })],
    },
    {
      calls: [
        edit(
          'src/index.ts',
          "export { formatIso } from './format-iso.ts'\n",
          "export { formatIso } from './format-iso.ts'\nexport { formatShort } from './format-short.ts'\n",
        ),
      ],
    },
    { calls: [call('write', { path: 'test/format-short.test.ts', content: tests })] },
    { text: 'Now its tests.', calls: [shell(timedTests('test/format-short.test.ts'))] },
    {
      expect: 'fail 1',
      text: 'Nothing at all has no unit; that is a case of its own.',
      calls: [read('src/format-short.ts')],
    },
    {
      calls: [
        edit(
          'src/format-short.ts',
          '  const parts = splitUnits(whole)\n',
          "  if (whole === 0) return '0s'\n  const parts = splitUnits(whole)\n",
        ),
      ],
    },
    { calls: [shell(timedTests('test/format-short.test.ts'))] },
    { expect: 'fail 0', calls: [search('formatCompact', '.')] },
    {
      calls: [
        edit(
          'README.md',
          "| `formatCompact(ms)` | `'1h30m'` |\n",
          "| `formatCompact(ms)` | `'1h30m'` |\n| `formatShort(ms, most?)` | the largest two units: `'1d2h'` |\n",
        ),
      ],
    },
    { calls: [shell("grep -n 'format' README.md")] },
    { text: 'The command line may want it, too.', calls: [read('src/cli.ts')] },
    { calls: [read('src/read-arguments.ts')] },
    {
      thinking: 'The plan does not ask for the command line. It stays as it is; the refusal of bad input needs a test.',
      calls: [
        edit(
          'test/format-short.test.ts',
          "test('writes nothing as 0s', () => {\n",
          "test('refuses what is no duration', () => {\n  assert.throws(() => formatShort(Number.NaN), DurationError)\n})\n\ntest('writes nothing as 0s', () => {\n",
        ),
      ],
    },
    { calls: [shell(timedTests('test/format-short.test.ts test/format-compact.test.ts'))] },
    { expect: 'fail 0', calls: [search('most', 'src')] },
    { calls: [read('test/format-short.test.ts')] },
    { calls: [shell('wc -c src/format-short.ts test/format-short.test.ts')] },
    { calls: [shell(timedTests('test/format-short.test.ts test/split-units.test.ts test/duration.test.ts'))] },
    { expect: 'fail 0', calls: [read('src/format-short.ts')] },
    {
      text: 'All of it is done.',
      calls: [
        call('finish', {
          title: 'Add formatShort',
          summary: 'formatShort writes at most a given number of units, the largest ones; smaller ones are dropped.',
          key_changes: ['src/format-short.ts with its tests', 'a line in the README'],
          testing_notes: 'Its tests and those of its neighbours pass.',
        }),
      ],
    },
  ],
}

export const TURNS = harnessTrajectory.turns.length
