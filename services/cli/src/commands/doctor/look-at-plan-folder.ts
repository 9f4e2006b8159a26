import { access, constants, stat } from 'node:fs/promises'
import { DevBotError } from '@devbot/contracts'
import { doctorSettings, fromRoot, readSetting } from '../../config.ts'
import { type Answer, missing } from './finding.ts'

export async function lookAtPlanFolder(): Promise<Answer> {
  const folder = fromRoot(readSetting(doctorSettings.plansDirectory))
  try {
    const found = await stat(folder)
    if (!found.isDirectory()) throw missing(`${folder} is not a folder; set AI_DOCS_DIR to the folder with the plans`)
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    return `${folder} can be read and written; reports will belong to user ${process.getuid?.() ?? '?'}`
  } catch (error) {
    if (error instanceof DevBotError) throw error
    throw missing(
      `${folder} cannot be read and written by user ${process.getuid?.() ?? '?'}; make it (mkdir -p) and give it to the user DevBot runs as`,
      error,
    )
  }
}
