import { expect, test } from 'vitest'
import { normaliseJson } from './normalise-json.ts'

const addresses = {
  emulatorUrl: 'http://localhost:1',
  serverUrl: 'http://127.0.0.1:2',
  apiUrl: 'http://127.0.0.1:2/api/v3',
}

test('leads API addresses below the API base, pages to the server, and leaves texts of people alone', () => {
  const raw = {
    url: 'http://localhost:1/repos/a/b/pulls/1',
    html_url: 'http://localhost:1/a/b/pull/1',
    body: 'see http://localhost:1/repos/a/b',
    _links: { self: { href: 'http://localhost:1/repos/a/b/pulls/1' } },
  }
  expect(normaliseJson(raw, addresses, () => false)).toEqual({
    url: 'http://127.0.0.1:2/api/v3/repos/a/b/pulls/1',
    html_url: 'http://127.0.0.1:2/a/b/pull/1',
    body: raw.body,
    _links: { self: { href: 'http://127.0.0.1:2/api/v3/repos/a/b/pulls/1' } },
  })
})

test('writes times without milliseconds, marks bots, and puts known ids right', () => {
  const raw = [{ user: { login: 'x[bot]', type: 'User' }, created_at: '2026-01-02T03:04:05.678Z', sha: 'theirs' }]
  const isBot = (login: string) => login.endsWith('[bot]')
  expect(normaliseJson(raw, addresses, isBot, new Map([['theirs', 'real']]))).toEqual([
    { user: { login: 'x[bot]', type: 'Bot' }, created_at: '2026-01-02T03:04:05Z', sha: 'real' },
  ])
})
