/** GitHub's objects as its REST API gives them, reduced to what DevBot reads. */

export const repositoryObject = {
  id: 42,
  full_name: 'octo/hello',
  default_branch: 'trunk',
  archived: false,
  permissions: { push: true },
}

export function pullRequestObject(changes: Record<string, unknown> = {}) {
  return {
    number: 7,
    html_url: 'https://github.test/octo/hello/pull/7',
    state: 'open',
    draft: false,
    title: 'A title',
    body: null,
    user: { login: 'devbot', type: 'User' },
    head: { ref: 'agent/x-1', sha: 'a'.repeat(40), repo: { id: 42 } },
    base: { ref: 'trunk', repo: { id: 42 } },
    merged_at: null,
    ...changes,
  }
}

export function reviewObject(id: number, submittedAt: string, changes: Record<string, unknown> = {}) {
  const user = { login: 'mona', type: 'User' }
  return { id, user, body: `review ${id}`, state: 'CHANGES_REQUESTED', submitted_at: submittedAt, ...changes }
}

export function inlineCommentObject(id: number, createdAt: string, changes: Record<string, unknown> = {}) {
  const user = { login: 'mona', type: 'User' }
  return { id, user, body: `inline ${id}`, created_at: createdAt, path: 'src/a.ts', line: 3, side: 'RIGHT', ...changes }
}

export function commentObject(id: number, createdAt: string, changes: Record<string, unknown> = {}) {
  return { id, user: { login: 'mona', type: 'User' }, body: `comment ${id}`, created_at: createdAt, ...changes }
}
