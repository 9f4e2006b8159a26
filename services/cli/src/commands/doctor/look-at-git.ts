import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type Answer, missing } from './finding.ts'

const run = promisify(execFile)

/** The release that fixed the July 2025 advisories; the worker runs git on what strangers wrote. Source: THREATS.md 4.2. */
const FIXED_GIT = { '2.39': 5, '2.43': 7, '2.45': 4, '2.47': 3, '2.48': 2, '2.49': 1, '2.50': 1 } as const

export async function lookAtGit(): Promise<Answer> {
  const { stdout } = await run('git', ['--version']).catch((cause: unknown) => {
    throw missing('git is not there; install it (Debian, Ubuntu: apt-get install git)', cause)
  })
  const version = /(\d+)\.(\d+)\.(\d+)/.exec(stdout)
  const series = `${version?.[1]}.${version?.[2]}`
  const fixed = Object.entries(FIXED_GIT).find(([name]) => name === series)?.[1]
  if (fixed === undefined || Number(version?.[3]) >= fixed) return stdout.trim()
  return `${stdout.trim()}; older than ${series}.${fixed}, which mends known holes: update it (a distribution may have patched it without changing the number)`
}
