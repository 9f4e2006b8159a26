import { describe, expect, it } from 'vitest'
import { MAX_PLAN_BYTES } from './decode-plan.ts'
import { type ParsedPlan, parsePlan } from './parse-plan.ts'
import { PLAN_KEYS } from './plan-keys.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const parse = (text: string, fileName = 'add-retry.md') => parsePlan(bytes(text), fileName)
/** A plan with these front matter lines; the first of them is line 2 of the file. */
const withFrontMatter = (...lines: readonly string[]) => `---\n${lines.join('\n')}\n---\n# Add retry\n\nDo it.\n`

function problemsOf(parsed: ParsedPlan) {
  if (parsed.ok) throw new Error('expected a rejection, the plan was accepted')
  return parsed.problems
}

function planOf(parsed: ParsedPlan) {
  if (!parsed.ok) throw new Error(`expected a plan, got ${JSON.stringify(parsed.problems)}`)
  return parsed.plan
}

const bomb = [
  'a: &a [x, x, x, x, x, x, x, x, x]',
  'b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]',
  'c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]',
  'd: [*c, *c, *c, *c, *c, *c, *c, *c, *c]',
]

type BadPlan = { readonly name: string; readonly content: string | Uint8Array; readonly expected: readonly string[] }
const bad = (name: string, content: string | Uint8Array, ...expected: readonly string[]): BadPlan => ({
  name,
  content,
  expected,
})

/** Each bad plan with the `field:line` of every problem it must yield, in order. */
const badPlans: readonly BadPlan[] = [
  bad('an empty file', '', 'file:1'),
  bad('only blank lines', '\n \n\n', 'file:1'),
  bad('front matter and nothing else', '---\ntitle: x\n---\n\n', 'file:3'),
  bad('front matter that is never closed', '---\ntitle: x\n\n# Do it\n', 'front matter:1'),
  bad('only an opening fence', '---', 'front matter:1'),
  bad('a JavaScript language marker', '---js\n{ title: process.exit(1) }\n---\n# x\n', 'front matter:1'),
  bad('a spaced language marker', '--- json\n{}\n---\n# x\n', 'front matter:1'),
  bad('TOML front matter', '+++\nstatus = "hold"\n+++\n# x\n', 'front matter:1'),
  bad('blank lines above the front matter', '\n\n---\nstatus: hold\n---\n# x\n', 'front matter:3'),
  bad('a list as front matter', withFrontMatter('- a', '- b'), 'front matter:2'),
  bad('a sentence as front matter', withFrontMatter('just words'), 'front matter:2'),
  bad('an alias bomb', withFrontMatter(...bomb), 'a:2', 'b:3', 'c:4', 'd:5'),
  bad('one alias', withFrontMatter('title: &t x', 'filename: *t'), 'title:2', 'filename:3'),
  bad('a glob read as an alias', withFrontMatter('paths:', '  - src/**', '  - *.ts'), 'paths:4'),
  bad('a merge key', withFrontMatter('<<: {title: x}'), '<<:2'),
  bad('a merge key with an alias', withFrontMatter('base: &b main', '<<: *b'), 'base:2', '<<:3'),
  bad('a js/function tag', withFrontMatter('title: !!js/function "function(){}"'), 'title:2'),
  bad('a custom tag', withFrontMatter('title: !secret x'), 'title:2'),
  bad('a known but unneeded tag', withFrontMatter('title: !!binary aGVsbG8='), 'title:2'),
  bad('a tag on a key', withFrontMatter('!x title: y'), 'front matter:2'),
  bad('a __proto__ key', withFrontMatter('__proto__:', '  status: ready'), '__proto__:2'),
  bad('a constructor key', withFrontMatter('constructor: {prototype: {a: 1}}'), 'constructor:2'),
  bad(
    'a __proto__ key inside a criterion',
    withFrontMatter('acceptance:', '  - criterion: x', '    __proto__: {command: y}'),
    'acceptance:3',
  ),
  bad('300 KB', `# x\n${'a'.repeat(300_000)}`, 'file:'),
  bad('a tab as indentation', withFrontMatter('acceptance:', '\t- criterion: x'), 'front matter:3'),
  bad('duplicate keys', withFrontMatter('title: a', 'status: ready', 'title: b'), 'title:4'),
  bad('a NUL byte', '# x\n\na\0b\n', 'file:3'),
  bad('bytes that are not UTF-8', Uint8Array.of(0x23, 0x20, 0x78, 0x0a, 0xc3, 0x28, 0x0a), 'file:2'),
  bad('UTF-16', new Uint8Array(Buffer.from('\ufeff# x\n', 'utf16le')), 'file:1'),
  bad('an unknown status', withFrontMatter('status: wip'), 'status:2'),
  bad('a status in the wrong case', withFrontMatter('status: Draft'), 'status:2'),
  bad('an unknown priority', withFrontMatter('title: x', 'priority: urgent'), 'priority:3'),
  bad('an unknown complexity', withFrontMatter('estimated_complexity: 5'), 'estimated_complexity:2'),
  bad('approval that is not required', withFrontMatter('approval: true'), 'approval:2'),
  bad('a flag in words', withFrontMatter('allow_test_changes: "yes"'), 'allow_test_changes:2'),
  bad('a repository address', withFrontMatter('repo: https://github.com/octo/hello'), 'repo:2'),
  bad('a branch with a space', withFrontMatter('branch: agent/my topic'), 'branch:2'),
  bad('a branch with two dots', withFrontMatter('branch: agent/a..b'), 'branch:2'),
  bad('a base that looks like an option', withFrontMatter('base: --upload-pack=x'), 'base:2'),
  bad('a folder outside the repository', withFrontMatter('workdir: ../other'), 'workdir:2'),
  bad('an absolute folder', withFrontMatter('workdir: /etc'), 'workdir:2'),
  bad('turns out of range', withFrontMatter('max_turns: 5000'), 'max_turns:2'),
  bad('turns that are no whole number', withFrontMatter('max_turns: 1.5'), 'max_turns:2'),
  bad('turns in quotes', withFrontMatter('max_turns: "20"'), 'max_turns:2'),
  bad('a negative budget', withFrontMatter('budget_usd: -1'), 'budget_usd:2'),
  bad('a budget that is not a number', withFrontMatter('budget_usd: .nan'), 'budget_usd:2'),
  bad('an endless budget', withFrontMatter('budget_usd: .inf'), 'budget_usd:2'),
  bad('a budget with a currency sign', withFrontMatter('budget_usd: $5'), 'budget_usd:2'),
  bad('a title that is a list', withFrontMatter('title:', '  - a', '  - b'), 'title:2'),
  bad('a title that is too long', withFrontMatter(`title: ${'x'.repeat(201)}`), 'title:2'),
  bad('a title with a control character', withFrontMatter('title: "a\\u0007b"'), 'title:2'),
  bad('a title with a second colon', withFrontMatter('title: Fix: the thing'), 'title:2'),
  bad('a reviewer with an at sign', withFrontMatter('title: x', 'reviewers: @octocat'), 'reviewers:3'),
  bad('tags with a map in them', withFrontMatter('tags:', '  - docs', '  - {a: b}'), 'tags:4'),
  bad('too many reviewers', withFrontMatter(`reviewers: [${Array(16).fill('a').join(', ')}]`), 'reviewers:2'),
  bad(
    'a criterion without its text',
    withFrontMatter('acceptance:', '  - criterion: a', '  - command: npm test'),
    'acceptance:4',
  ),
  bad(
    'a misspelt key in a criterion',
    withFrontMatter('acceptance:', '  - criterion: a', '    comand: npm test'),
    'acceptance:3',
  ),
  bad('an unclosed list', withFrontMatter('title: x', 'tags: [a, b'), 'front matter:4'),
  bad('an unclosed quote', withFrontMatter('title: "abc'), 'front matter:3'),
  bad('a misspelt key', withFrontMatter('titel: x', 'prioriy: high'), 'titel:2', 'prioriy:3'),
  bad('a key in camel case', withFrontMatter('maxTurns: 10'), 'maxTurns:2'),
  bad('a key with a hyphen', withFrontMatter('depends-on: a.md'), 'depends-on:2'),
  bad('a singular key', withFrontMatter('label: bug'), 'label:2'),
  bad('a YAML directive', withFrontMatter('%YAML 1.1', 'title: x'), 'front matter:2'),
  bad('a second document', withFrontMatter('title: x', '...', 'status: hold'), 'front matter:3'),
  bad('nesting without end', withFrontMatter(`tags: ${'['.repeat(20_000)}`), 'tags:2'),
  bad('nesting a little too deep', withFrontMatter(`own: ${'['.repeat(20)}${']'.repeat(20)}`), 'own:2'),
  bad('front matter of 100 KB', withFrontMatter(`own: ${'x'.repeat(100_000)}`), 'front matter:1'),
  bad(
    'several troubles at once, told in the order of the file',
    withFrontMatter('status: wip', 'repo: nothing', 'max_turns: 0', 'titel: x').replace('# Add retry\n\nDo it.\n', ''),
    'status:2',
    'repo:3',
    'max_turns:4',
    'titel:5',
    'file:6',
  ),
]

describe('parsePlan', () => {
  it.each(badPlans)('rejects $name, naming field and line', ({ content, expected }) => {
    const problems = problemsOf(parsePlan(typeof content === 'string' ? bytes(content) : content, 'bad.md'))
    expect(problems.map(({ field, line }) => `${field}:${line ?? ''}`)).toEqual(expected)
    for (const { problem, remedy, paste } of problems) {
      expect(problem).not.toBe('')
      expect(remedy).not.toBe('')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what must not come through
      expect(`${problem}${remedy}${paste ?? ''}`).not.toMatch(/[\u0000-\u001f\u202a-\u202e]/)
    }
  })

  it.each([
    ['a\nb.md', 'a line break'],
    ['evil\u202e.md', 'a direction override'],
    [`${'x'.repeat(250)}.md`, 'more bytes than a report name has room for'],
  ])('rejects the file name %j with %s', (fileName) => {
    expect(problemsOf(parse('# x\n', fileName))).toMatchObject([{ field: 'file' }])
  })

  it('prints a hostile value short and inert', () => {
    const [problem] = problemsOf(parse(withFrontMatter(`status: "\\u001b[31m${'x'.repeat(500)}\`\\u202e"`)))
    expect(problem?.problem).toContain('\\u{1b}[31mxxx')
    expect(problem?.problem.length).toBeLessThan(250)
  })

  it('offers for every rejected value a line that would be accepted', () => {
    for (const { content } of badPlans) {
      if (typeof content !== 'string') continue
      for (const { paste } of problemsOf(parse(content))) {
        if (paste === undefined || paste === '---' || paste.startsWith(' ')) continue
        expect(parse(withFrontMatter(paste)), paste).toMatchObject({ ok: true })
      }
    }
  })

  it.each(Object.entries(PLAN_KEYS))('accepts its own example for %s', (key, rule) => {
    expect(planOf(parse(withFrontMatter(`${key}: ${rule.example}`)))).toHaveProperty(key)
  })

  it('names the accepted statuses when one is unknown, and the nearest of them', () => {
    const [problem] = problemsOf(parse(withFrontMatter('status: in progress')))
    expect(problem?.problem).toContain('draft, ready, approved, todo, in-progress, hold, completed, cancelled')
    expect(problem?.paste).toBe('status: in-progress')
  })

  it('keeps what the seed style says, and the body to the byte', () => {
    const body = [
      '',
      '# Résumé import',
      '',
      '```yaml',
      '---',
      'status: hold',
      '---',
      '```',
      '',
      '---',
      '',
      '| a | b |',
      '',
    ].join('\r\n')
    const plan = planOf(
      parse(
        `---\r\nfilename: 250102__PLAN__import.md\r\ntitle: "Import: résumés"\r\ndate: 2025-01-02\r\nstatus: draft\r\npriority: high\r\ntags: [import, api]\r\nestimated_complexity: complex\r\n---\r\n${body}`,
        '250102__PLAN__import.md',
      ),
    )
    expect(plan).toEqual({
      filename: '250102__PLAN__import.md',
      title: 'Import: résumés',
      date: '2025-01-02',
      status: 'draft',
      priority: 'high',
      tags: ['import', 'api'],
      estimated_complexity: 'complex',
      body,
      notes: [],
    })
  })

  it('reads every key of our own', () => {
    const plan = planOf(
      parse(
        withFrontMatter(
          'repo: octo-org/hello',
          'base: develop',
          'branch: agent/retry',
          'test: npm test',
          'setup: npm ci',
          'workdir: packages/api',
          'model: claude-opus-5-5',
          'max_turns: 20',
          'budget_usd: 2.5',
          'max_minutes: 15',
          'reviewers: [octocat, hubot]',
          'labels:',
          '  - bug',
          'paths: ["src/**", "test/*.{ts,js}"]',
          'allow_test_changes: true',
          'depends_on: first.md',
          'approval: required',
          'acceptance:',
          '  - criterion: It retries twice',
          '    command: npm test -- retry',
          '  - It is documented',
        ),
      ),
    )
    expect(plan).toMatchObject({
      repo: 'octo-org/hello',
      max_turns: 20,
      budget_usd: 2.5,
      reviewers: ['octocat', 'hubot'],
      labels: ['bug'],
      paths: ['src/**', 'test/*.{ts,js}'],
      allow_test_changes: true,
      depends_on: ['first.md'],
      approval: 'required',
      acceptance: [{ criterion: 'It retries twice', command: 'npm test -- retry' }, { criterion: 'It is documented' }],
    })
  })

  it('reads values as people mean them', () => {
    const plan = planOf(
      parse(
        withFrontMatter('title: 404', 'test: true', 'tags: docs, api', 'paths: src/{a,b}/**', 'date: 2025', 'base:'),
      ),
    )
    expect(plan).toMatchObject({
      title: '404',
      test: 'true',
      tags: ['docs', 'api'],
      paths: ['src/{a,b}/**'],
      date: '2025',
    })
    expect(plan.base).toBeUndefined()
  })

  it('keeps unknown keys as notes and out of the plan', () => {
    const plan = planOf(parse(withFrontMatter('name: x', 'author: me', 'toString: y', 'nested: {a: {b: c}}')))
    expect(plan.notes).toHaveLength(4)
    expect(plan.notes[0]).toContain('`name` (line 2)')
    expect(Object.keys(plan).toSorted()).toEqual(['body', 'notes', 'status', 'title'])
    expect(({} as { status?: unknown }).status).toBeUndefined()
  })

  it.each([
    ['without front matter', 'Intro.\n\n## Add retry ##\n', 'Add retry'],
    ['with front matter that gives none', '---\nstatus: todo\n---\n# Add retry\n', 'Add retry'],
    ['with a byte order mark', '\ufeff---\ntitle: Add retry\n---\nDo it.\n', 'Add retry'],
    ['underlined', 'Add retry\n=========\n\nDo it.\n', 'Add retry'],
    ['below a code block with a comment', '```sh\n# not this\n```\n\n# Add retry\n', 'Add retry'],
    ['without any heading', '\n\nAdd retry\nto the client.\n', 'Add retry'],
    ['without any words', '***\n', 'add-retry'],
    ['with horizontal lines first', '-----\n\n# Add retry\n', 'Add retry'],
    ['that is far too long', `# ${'x'.repeat(500)}\n`, `${'x'.repeat(197)}...`],
  ])('finds the title of a plan %s', (_name, text, title) => {
    expect(planOf(parse(text)).title).toBe(title)
  })

  it('accepts a plan of exactly the largest size', () => {
    const head = '# Big\n'
    expect(parse(head + 'x'.repeat(MAX_PLAN_BYTES - head.length)).ok).toBe(true)
    expect(parse(head + 'x'.repeat(MAX_PLAN_BYTES - head.length + 1)).ok).toBe(false)
  })

  it.each([
    ['open brackets', `a: ${'['.repeat(60_000)}`],
    ['anchors', `a: ${'&a '.repeat(20_000)}`],
    ['keys', Array.from({ length: 10_000 }, (_, index) => `k${index}:`).join('\n')],
    ['forbidden characters', '@\n'.repeat(30_000)],
  ])('stays quick on front matter full of %s', (_name, yaml) => {
    const startedAt = performance.now()
    parse(withFrontMatter(yaml))
    expect(performance.now() - startedAt).toBeLessThan(5_000)
  })

  it('never throws on random front matter', () => {
    const pieces = [
      'title',
      ': ',
      '\n',
      '- ',
      '"',
      "'",
      '[',
      '{',
      '}',
      ']',
      '*a',
      '&a',
      '!!x ',
      '|',
      '>',
      '\t',
      '#',
      '---',
      '?',
      '\r',
      '<<',
      '\u2028',
      ',',
    ]
    let seed = 7
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return seed % below
    }
    for (let round = 0; round < 2_000; round++) {
      const text = Array.from({ length: random(30) }, () => pieces[random(pieces.length)]).join('')
      const parsed = parse(withFrontMatter(text))
      if (!parsed.ok) expect(parsed.problems.length).toBeGreaterThan(0)
    }
  })
})
