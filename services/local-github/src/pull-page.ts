import { z } from 'zod'
import { runGit } from './git/run-git.ts'
import type { Hub } from './hub.ts'
import { completeComment } from './pull-requests/comment-json.ts'
import { fetchPull } from './pull-requests/pull-json.ts'
import { allPages } from './rest/all-pages.ts'

const PAGE_PATH = /^\/([^/]+)\/([^/]+)\/pull\/(\d+)(\.diff)?$/
/** Most characters of a diff shown. */
const MAX_DIFF = 1_000_000
const said = z.looseObject({ body: z.string().nullable(), user: z.looseObject({ login: z.string() }).nullable() })

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
pre{background:#f6f8fa;padding:1rem;overflow:auto;font-size:13px}pre.text{white-space:pre-wrap}
.add{background:#dafbe1}.del{background:#ffebe9}.hunk{color:#57606a}
article{border:1px solid #d0d7de;border-radius:6px;margin:1rem 0;padding:0 1rem}`

export type Page = { readonly status: number; readonly type: 'html' | 'text'; readonly content: string }

/** The page of a pull request for a person with a browser: everything as text, no scripts. Undefined for other paths. */
export async function pullPage(hub: Hub, path: string): Promise<Page | undefined> {
  const match = PAGE_PATH.exec(path)
  if (match === null) return undefined
  const [, owner = '', name = '', digits = '', asDiff] = match
  const repository = hub.repositories.find(owner, name)
  const record = repository?.pulls.get(Number(digits))
  if (repository === undefined || record === undefined) {
    return { status: 404, type: 'text', content: 'There is no such pull request.\n' }
  }
  const range = `${record.baseId}...${record.headId}`
  const { stdout } = await runGit(repository.directory, ['diff', '--no-color', '--no-ext-diff', '-M', range])
  const diff = stdout.toString('utf8')
  if (asDiff !== undefined) return { status: 200, type: 'text', content: diff }
  const api = `/repos/${repository.fullName}`
  const [pull, reviews, inline, conversation] = await Promise.all([
    fetchPull(hub, repository, record.number),
    allPages(hub, `${api}/pulls/${record.number}/reviews`),
    allPages(hub, `${api}/pulls/${record.number}/comments`),
    allPages(hub, `${api}/issues/${record.number}/comments`),
  ])
  const state = pull.merged === true ? 'merged' : pull.draft === true && record.open ? 'draft' : String(pull.state)
  const comments = await Promise.all(inline.map((raw) => completeComment(hub, repository, raw)))
  const content = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escaped(pull.title)}</title>
<style>${STYLE}</style><h1>${escaped(pull.title)} <small>#${record.number}</small></h1>
<p><b>${escaped(state)}</b>: ${escaped(record.headRef)} into ${escaped(record.baseRef)}, head ${record.headId.slice(0, 12)}</p>
<pre class="text">${escaped(pull.body ?? '')}</pre>
<h2>Reviews and comments</h2>
${reviews.map((review) => article(review, String(z.looseObject({ state: z.string() }).parse(review).state))).join('\n')}
${comments.map((comment) => article(comment, `${comment.path}:${comment.line ?? 'outdated'}`, comment.diff_hunk)).join('\n')}
${conversation.map((comment) => article(comment, 'comment')).join('\n')}
<h2>Changes</h2><pre>${coloured(diff.slice(0, MAX_DIFF))}</pre></html>`
  return { status: 200, type: 'html', content }
}

function article(value: unknown, what: string, hunk: unknown = ''): string {
  const { user, body } = said.parse(value)
  const shownHunk = hunk === '' ? '' : `<pre>${coloured(String(hunk))}</pre>`
  return `<article><p><b>${escaped(user?.login ?? 'ghost')}</b> ${escaped(what)}</p>${shownHunk}<pre class="text">${escaped(body ?? '')}</pre></article>`
}

function coloured(diff: string): string {
  const kind = (line: string) =>
    line.startsWith('+') ? 'add' : line.startsWith('-') ? 'del' : line.startsWith('@@') ? 'hunk' : undefined
  return diff
    .split('\n')
    .map((line) => (kind(line) === undefined ? escaped(line) : `<span class="${kind(line)}">${escaped(line)}</span>`))
    .join('\n')
}

function escaped(text: unknown): string {
  return String(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
