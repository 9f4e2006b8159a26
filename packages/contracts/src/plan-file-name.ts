import { hasActiveCharacters, inertText } from './inert-text.ts'
import type { PlanProblem } from './plan-problem.ts'

/** Longest name of a plan file in bytes: `.rejected.md` and `.report.md` must fit into a file system's 255. */
const MAX_NAME_BYTES = 200

/** What is wrong with a plan's file name, if anything: it becomes part of branch names, reports and log lines. */
export function planFileNameProblem(fileName: string): PlanProblem | undefined {
  const sizeBytes = Buffer.byteLength(fileName)
  if (sizeBytes > MAX_NAME_BYTES) {
    return nameProblem(`expected a file name of at most ${MAX_NAME_BYTES} bytes, found ${sizeBytes}`)
  }
  if (hasActiveCharacters(fileName)) {
    return nameProblem(`expected a file name of visible characters, found \`${inertText(fileName)}\``)
  }
  return undefined
}

function nameProblem(problem: string): PlanProblem {
  return { field: 'file', problem, remedy: 'Rename the file, for example to add-retry.md.' }
}
