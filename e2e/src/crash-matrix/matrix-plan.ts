import type { TrajectoryInput } from '@devbot/replay-model'

/** A line that both runs write; what the reviewer's comment is about. */
export const REVIEWED_FILE = 'matrix/first.txt'

/** What the reviewer asks for; two feedback items: the review itself, and a comment in the code. */
export const REVIEW = {
  body: 'Please add a third file, and see the comment.',
  comment: 'Should this line not say more?',
}

/** Words of the tool result that tells the model of a call which a crash cut off (packages/agent, recorded-run.ts). */
const INTERRUPTED = 'Interrupted: DevBot was restarted'

/** A plan whose story is plan, pull request, review, fix; all such plans want the same change. */
export function matrixPlan(name: string): string {
  return `---\ntest: node --version\n---\n# ${titleOf(name)}\n\nThree small files.\n`
}

function titleOf(name: string): string {
  return `Write the files of ${name}.`
}

/**
 * The two conversations of one plan. Every step may be repeated, and needs what an earlier one left: a file that was
 * lost on the way shows in the tree.
 */
export function matrixTrajectories(name: string): readonly TrajectoryInput[] {
  const shared = { match: titleOf(name), repeatWhile: INTERRUPTED }
  const shell = (command: string) => ({ calls: [{ tool: 'shell', input: { command } }] })
  const write = (path: string, content: string) => ({ calls: [{ tool: 'write', input: { path, content } }] })
  return [
    {
      ...shared,
      name: `${name}-implement`,
      run: 'implement',
      turns: [
        write(REVIEWED_FILE, 'one\n'),
        shell('cat matrix/first.txt matrix/first.txt > matrix/second.txt && rm -f LICENSE'),
        {
          expect: '\\[exit code 0\\]',
          ...finish({ title: 'Write two files', summary: 'The second file is the first one, twice.' }),
        },
      ],
    },
    {
      ...shared,
      name: `${name}-revise`,
      run: 'revise',
      captures: {
        review: { pattern: '\\b\\d+-review-\\d+-[0-9a-f]{8}\\b', exactly: 1 },
        inline: { pattern: '\\b\\d+-inline-comment-\\d+-[0-9a-f]{8}\\b', exactly: 1 },
      },
      turns: [
        write(REVIEWED_FILE, 'one, and more\n'),
        shell('cat matrix/second.txt matrix/first.txt > matrix/third.txt'),
        {
          expect: '\\[exit code 0\\]',
          ...finish({
            title: 'Write a third file',
            summary: 'The line says more, and there is a third file.',
            feedback: [
              { item: '{{review}}', decision: 'done', reply: 'There is a third file now.' },
              { item: '{{inline}}', decision: 'done', reply: 'It says more now.' },
            ],
          }),
        },
      ],
    },
  ]
}

function finish(input: Readonly<Record<string, unknown>>) {
  const notes = { key_changes: [], technical_decisions: [], testing_notes: 'Looked at.', next_steps: [] }
  return { calls: [{ tool: 'finish', input: { ...notes, ...input } }] }
}
