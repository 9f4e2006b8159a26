import { DevBotError, type ObjectId } from '@devbot/contracts'
import type { Git } from './spawn-git.ts'

/** The tree stays in the store however it is tidied up. A ref may name a tree as well as a commit. */
export async function keepTree(git: Git, name: string, treeId: ObjectId): Promise<void> {
  await git.run(['update-ref', keptTreeRef(name), treeId])
}

/** Nothing is wrong with a name that keeps nothing. */
export async function letTreeGo(git: Git, name: string): Promise<void> {
  await git.run(['update-ref', '-d', keptTreeRef(name)])
}

/** Whether a tree is there with everything in it. */
export async function hasWholeTree(git: Git, treeId: ObjectId): Promise<boolean> {
  // 128: something is missing or broken.
  const { exitCode } = await git.run(['rev-list', '--objects', '--quiet', treeId], { answers: [0, 128] })
  return exitCode === 0
}

/** Throws a bug for a name that could lead elsewhere. */
export function keptTreeRef(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(name)) return `refs/devbot/checkpoints/${name}`
  throw new DevBotError({
    category: 'bug',
    code: 'bug',
    message: `expected 1 to 100 letters, digits, "_" or "-" as the name of a kept tree, got ${JSON.stringify(name.slice(0, 120))}`,
  })
}
