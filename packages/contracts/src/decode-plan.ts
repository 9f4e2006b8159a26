import { isUtf8 } from 'node:buffer'
import type { PlanProblem } from './plan-problem.ts'

/** Largest plan file, in bytes. */
export const MAX_PLAN_BYTES = 256 * 1024

/**
 * The bytes of a plan file as text: at most 256 KiB of UTF-8 without NUL. A byte order mark is dropped; line ends stay
 * as they are.
 */
export function decodePlan(
  content: Uint8Array,
): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: PlanProblem } {
  if (content.length > MAX_PLAN_BYTES) return { ok: false, problem: tooLarge(content.length) }
  const nul = content.indexOf(0)
  if (nul !== -1) return { ok: false, problem: notText(lineOfByte(content, nul), 'a NUL byte') }
  if (!isUtf8(content)) return { ok: false, problem: notText(firstBrokenLine(content), 'bytes that are not UTF-8') }
  return { ok: true, text: new TextDecoder('utf-8').decode(content) }
}

/** What is wrong with a file of this many bytes; also for a file too large to be read at all. */
export function tooLarge(sizeBytes: number): PlanProblem {
  return {
    field: 'file',
    problem: `expected at most ${MAX_PLAN_BYTES} bytes, found ${sizeBytes}`,
    remedy: 'Shorten the plan, or put long material into the repository and name its path.',
  }
}

function notText(line: number, found: string): PlanProblem {
  return {
    field: 'file',
    line,
    problem: `expected a text file in UTF-8, found ${found}`,
    remedy: 'Save the file as UTF-8 text.',
  }
}

function lineOfByte(content: Uint8Array, offset: number): number {
  let line = 1
  for (let at = content.indexOf(0x0a); at !== -1 && at < offset; at = content.indexOf(0x0a, at + 1)) line++
  return line
}

/** A line end never is part of a longer UTF-8 sequence, so each line can be judged alone. */
function firstBrokenLine(content: Uint8Array): number {
  let line = 1
  for (let start = 0; ; line++) {
    const end = content.indexOf(0x0a, start)
    if (end === -1 || !isUtf8(content.subarray(start, end))) return line
    start = end + 1
  }
}
