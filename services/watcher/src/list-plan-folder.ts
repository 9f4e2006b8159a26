import { isUtf8 } from 'node:buffer'
import { readdir } from 'node:fs/promises'
import { isPlanFileName } from '@devbot/contracts'

export type PlanFolderListing = {
  /** All names in the folder, sorted. */
  readonly fileNames: readonly string[]
  /** Those that are plans, sorted: the first of several alike is the first by name. */
  readonly planNames: readonly string[]
  /** Number of names that are not UTF-8: such a file cannot be named, so it can only be counted. */
  readonly unreadableNames: number
}

/** Lists the plan folder. Throws what the file system throws. */
export async function listPlanFolder(directory: string): Promise<PlanFolderListing> {
  const names = await readdir(directory, { encoding: 'buffer' })
  const fileNames = names
    .filter((name) => isUtf8(name))
    .map((name) => name.toString('utf8'))
    .toSorted()
  return {
    fileNames,
    planNames: fileNames.filter(isPlanFileName),
    unreadableNames: names.length - fileNames.length,
  }
}
