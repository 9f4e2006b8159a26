import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { MAX_POLICY_BYTES, parsePolicy } from './parse-policy.ts'
import { policyKeysBelow } from './policy-keys.ts'

const parse = (text: string) => parsePolicy(Buffer.from(text))
const policyOf = (text: string) => {
  const parsed = parse(text)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return parsed.policy
}
const problemsOf = (text: string) => {
  const parsed = parse(text)
  return parsed.ok ? [] : parsed.problems
}

const FULL = `# how DevBot works here
image: ghcr.io/acme/build:3
setup: npm ci
test: npm test
lint: npm run lint
workdir: packages/api
services:
  db:
    image: postgres:16
    port: 5432
    env:
      POSTGRES_PASSWORD: test
      POSTGRES_PORT: 5432
    health: pg_isready -U postgres
    start_seconds: 30
  cache:
    image: redis:8
    port: 6379
    command: [redis-server, --save, ""]
egress: [packages.example.com, mirror.example.com:8443]
limits:
  max_turns: 40
  budget_usd: 2.5
  max_minutes: 20
  max_rounds: 3
  max_tokens: 2000000
paths:
  protected: [migrations/**]
  allowed:
    - src/**
    - "*.{md,txt}"
branch_prefix: agent/api/
pull_request:
  draft: true
  labels: [devbot, api]
  reviewers: ada
model: claude-opus-5-5
self_review: false
`

describe('parsePolicy', () => {
  it('reads every key there is', () => {
    const text = FULL.replace('[redis-server, --save, ""]', '[redis-server, --save, no]')
    expect(policyOf(text)).toEqual({
      image: 'ghcr.io/acme/build:3',
      setup: 'npm ci',
      test: 'npm test',
      lint: 'npm run lint',
      workdir: 'packages/api',
      services: [
        {
          name: 'db',
          image: 'postgres:16',
          port: 5432,
          env: { POSTGRES_PASSWORD: 'test', POSTGRES_PORT: '5432' },
          health: ['sh', '-c', 'pg_isready -U postgres'],
          start_seconds: 30,
        },
        {
          name: 'cache',
          image: 'redis:8',
          port: 6379,
          env: {},
          command: ['redis-server', '--save', 'no'],
          start_seconds: 60,
        },
      ],
      egress: ['packages.example.com', 'mirror.example.com:8443'],
      limits: { max_turns: 40, budget_usd: 2.5, max_minutes: 20, max_rounds: 3, max_tokens: 2_000_000 },
      paths: { protected: ['migrations/**'], allowed: ['src/**', '*.{md,txt}'] },
      branch_prefix: 'agent/api/',
      pull_request: { draft: true, labels: ['devbot', 'api'], reviewers: ['ada'] },
      model: 'claude-opus-5-5',
      self_review: false,
    })
  })

  it('takes the example of docs/policy.md as it stands', async () => {
    const text = await readFile(new URL('../../../docs/policy.md', import.meta.url), 'utf8')
    const example = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? ''
    // Every key there is, so that none is left undocumented.
    expect(Object.keys(policyOf(example)).sort()).toEqual(policyKeysBelow('').toSorted())
  })

  it('takes services as a list with names, too', () => {
    expect(policyOf('services:\n  - { name: db, image: "postgres:16", port: 5432 }\n').services).toMatchObject([
      { name: 'db', image: 'postgres:16', port: 5432 },
    ])
  })

  it.each(['', '# nothing yet\n', '---\n', 'test:\n', 'limits:\n  max_turns:\n'])(
    'takes %j as a policy that says nothing',
    (text) => {
      expect(JSON.stringify(policyOf(text))).toMatch(/^\{(?:"limits":\{\})?\}$/)
    },
  )

  it('says where each key stands, for what is found later', () => {
    const parsed = parse('# note\n\nmodel: x\nlimits:\n  max_turns: 1\n')
    expect(parsed.ok && parsed.lines).toEqual({ model: 3, limits: 4 })
  })

  it.each([
    ['protect: ["a/**"]', 'protect', undefined],
    ['tests: npm test', 'tests', 'test: npm test'],
    ['paths:\n  protcted: ["a/**"]', 'paths.protcted', 'paths: { protected: ["migrations/**"] }'],
    ['limits:\n  max-turns: 3', 'limits.max-turns', 'limits: { max_turns: 3 }'],
    ['services:\n  db:\n    image: a\n    prot: 1\n    port: 2', 'services.db.prot', 'services: { db: { port: 1 } }'],
    ['pull-request: { draft: true }', 'pull-request', 'pull_request: { labels: [devbot] }'],
    ['limits.max_turns: 3', 'limits.max_turns', undefined],
    ['__proto__: { a: 1 }', '__proto__', undefined],
  ])('refuses the unknown key of %j, and names the one that was meant', (text, field, paste) => {
    const [problem, ...more] = problemsOf(text)
    expect(more).toEqual([])
    expect(problem?.field).toBe(field)
    if (paste === undefined) expect(problem?.paste ?? '').not.toContain('protected')
    else if (!text.startsWith('tests')) expect(problem?.paste).toBe(paste)
    else expect(problem?.problem).toContain('misspelt `test`')
  })

  it.each([
    ['limits:\n  max_turns: "20"', 2, 'limits.max_turns', 'a whole number from 1 to 1000'],
    ['limits:\n  max_turns: 0', 2, 'limits.max_turns', 'the number `0`'],
    ['limits: 5', 1, 'limits', 'the number `5`'],
    ['self_review: yes', 1, 'self_review', 'true or false'],
    ['egress: ["*.example.com"]', 1, 'egress', 'without wildcard'],
    ['egress: [https://example.com]', 1, 'egress', 'a list of at most 64 hosts'],
    ['egress: ["example.com:99999"]', 1, 'egress', 'a list of at most 64 hosts'],
    ['paths:\n  protected: ["!src"]', 2, 'paths.protected', 'cannot be turned round'],
    ['paths:\n  protected: [../x]', 2, 'paths.protected', 'no part'],
    ['paths:\n  protected: ["a[b"]', 2, 'paths.protected', 'not closed'],
    ['paths:\n  allowed: []', 2, 'paths.allowed', 'an empty list'],
    ['branch_prefix: agent', 1, 'branch_prefix', 'ends with a slash'],
    ['workdir: ../x', 1, 'workdir', 'a folder inside the repository'],
    ['image: "x y"', 1, 'image', 'the name of an image'],
    ['services:\n  db:\n    image: a', 3, 'services.db.port', 'found nothing'],
    ['services:\n  DB: { image: a, port: 1 }', 2, 'services.DB.name', 'lower-case'],
    ['services:\n  a: { image: a, port: 1 }\n  b: { image: a, port: 1 }', 3, 'services.b.port', 'this port is taken'],
    ['services:\n  a: { image: a, port: 3128 }', 2, 'services.a.port', 'not 3128'],
    ['services:\n  a: { image: a, port: 1, command: run it }', 2, 'services.a.command', 'a list of arguments'],
    ['services: [1]', 1, 'services.1', 'at most 8 services'],
  ])('says of %j on which line what is wrong', (text, line, field, words) => {
    const [problem] = problemsOf(text)
    expect(problem).toMatchObject({ line, field })
    expect(`${problem?.problem} ${problem?.paste}`).toContain(words)
  })

  it.each([
    ['a: &x 1\nb: *x', 'anchor'],
    ['test: !!js/function "x"', 'tag'],
    ['test: a\ntest: b', 'each key once'],
    ['<<: { test: a }', 'merge key'],
    ['test: [a', 'expected'],
    ['%YAML 1.1\n---\ntest: a', 'directives'],
    ['- test', 'key: value'],
    ['test: a\n---\ntest: b', 'expected'],
  ])('refuses the YAML of %j', (text, words) => {
    expect(
      problemsOf(text)
        .map(({ problem }) => problem)
        .join('\n'),
    ).toContain(words)
    expect(problemsOf(text).map(({ field }) => field)).not.toContain('front matter')
  })

  it('tells all problems at once, in the order of the file', () => {
    expect(problemsOf('modle: x\nlimits:\n  max_turns: x\nself_review: 1\n').map(({ line }) => line)).toEqual([1, 3, 4])
  })

  it('refuses a file that is too large or no text, without reading on', () => {
    expect(problemsOf(`test: ${'x'.repeat(MAX_POLICY_BYTES)}`)[0]?.problem).toContain('bytes')
    const binary = parsePolicy(Buffer.from([0xff, 0xfe, 0x00]))
    expect(binary.ok).toBe(false)
  })

  it('stays quick on aliases and on many keys', () => {
    const startedMs = performance.now()
    const bomb = `a: &a [x,x]\n${Array.from({ length: 40 }, (_, n) => `k${n}: [*a,*a,*a,*a,*a,*a,*a,*a]`).join('\n')}`
    expect(parse(bomb).ok).toBe(false)
    expect(parse(Array.from({ length: 9000 }, (_, n) => `key${n}: 1`).join('\n')).ok).toBe(false)
    expect(performance.now() - startedMs).toBeLessThan(3000)
  })
})
