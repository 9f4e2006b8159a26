import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { dirname, resolve } from 'node:path'
import type { CrashPoints } from './crash-points.ts'

/** Points around the moment in which a report appears beside its plan; there is no port for it. */
export function aroundReports(plansDirectory: string, points: CrashPoints): void {
  const { rename } = fs
  fs.rename = (from, to) =>
    dirname(String(to)) === resolve(plansDirectory)
      ? points.pass('report.rename', () => rename(from, to))
      : rename(from, to)
  syncBuiltinESMExports()
}
