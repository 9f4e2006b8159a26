import type { RepositoryName } from '@devbot/contracts'

/** A repository's name as the REST API takes it. */
export function ownerAndRepo(name: RepositoryName): { owner: string; repo: string } {
  const [owner = '', repo = ''] = name.split('/')
  return { owner, repo }
}
