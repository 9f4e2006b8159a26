import { fileURLToPath } from 'node:url'
import { readHistoryFolder } from '@devbot/local-github'

const folder = fileURLToPath(new URL('../../sample-repository/', import.meta.url))

/** The sample repository's commits, oldest first, each with the files it brings. The last state is that of `files/`. */
export const readSampleHistory = () => readHistoryFolder(folder)

export const plansFolder = fileURLToPath(new URL('../../plans/', import.meta.url))
export const trajectoriesFolder = fileURLToPath(new URL('../../trajectories/', import.meta.url))
export const reviewFile = fileURLToPath(new URL('../../review.json', import.meta.url))
