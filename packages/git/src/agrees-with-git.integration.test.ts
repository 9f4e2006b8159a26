import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import ignore from 'ignore'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAttributeRules } from './gitattributes.ts'
import { createIgnoreRules } from './gitignore.ts'
import { lineEndingsFor, normaliseLineEndings } from './line-endings.ts'
import { runGit } from './testing/git-http-server.ts'
import { MAX_MATCH_STEPS } from './wildmatch.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'agrees-with-git-'))
  runGit(folder, ['init', '-q'])
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const write = (path: string, content: string | Uint8Array) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), content)
}
const asFiles = (files: Readonly<Record<string, string>>) =>
  new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text, 'latin1')]))
const budget = () => ({ steps: MAX_MATCH_STEPS })

const PATTERNS = [
  'foo',
  '/foo',
  'foo/',
  '*.log',
  '!keep.log',
  'a/*',
  '!a/b',
  'a/**',
  '**/b',
  'a/**/c',
  '**/x/**/y',
  '**',
  '*',
  '/*',
  '!/a',
  '!*/',
  'b/',
  'a?c',
  '[abc]',
  '[!a]x',
  '[a-c]*',
  '[[:digit:]]*',
  '[]a]',
  '[a',
  '\\#x',
  '\\!x',
  '#x',
  '\\a',
  'tr ',
  'tr\\ ',
  'x\r',
  'ä',
  '\u00c3?',
  '??',
  'a**c',
  'a/**b',
  'a**/b',
  '***',
  '/**',
  '**/',
  'a//b',
  'a\\/b',
  '*/c',
  'foo/*/',
  '[a-]',
  '[\\]]',
  '*.l*g',
  '*a*b*c',
  'a\\',
  '!',
  '/',
  'b/**/',
  '.*',
  '*.',
  'node_modules',
  'x/y/',
]
const PATHS = [
  'foo',
  'foo/bar',
  'a/foo',
  'x.log',
  'keep.log',
  'a/keep.log',
  'a/b',
  'a/b/c',
  'a/c',
  'a/x/c',
  'a/x/y/c',
  'b',
  'b/x',
  'x/y',
  'x/q/y',
  'q/x/r/y',
  'abc',
  'ac',
  'a0c',
  'dx',
  'ax',
  '1x',
  ']',
  '[a',
  '#x',
  '!x',
  'tr',
  'tr ',
  'x',
  'ä',
  'aä',
  'éé',
  'a-',
  '-',
  'a/bb',
  'aXc',
  'aaabbbccc',
  'a.',
  '.hidden',
  'c/d/e/f',
  'node_modules/m/index.js',
  'deep/node_modules/m',
  'foo/x/y',
  'ab',
  'b/b/b',
].filter((path, _index, all) => !all.some((other) => other.startsWith(`${path}/`)))

describe('createIgnoreRules', () => {
  /** Pairs of patterns in one file: order and negation matter. */
  const files = PATTERNS.flatMap((first, index) => [first, `${first}\n${PATTERNS[(index * 7 + 3) % PATTERNS.length]}`])

  it('says of every path what git says, for many patterns and pairs of patterns', () => {
    for (const path of PATHS) write(path, '')
    const wrong: string[] = []
    for (const text of files) {
      writeFileSync(join(folder, '.gitignore'), Buffer.from(text, 'latin1'))
      const rules = createIgnoreRules(asFiles({ '.gitignore': text }), budget())
      const ignored = new Set(gitIgnored(PATHS))
      for (const path of PATHS) {
        if (rules.isIgnored(path) !== ignored.has(path))
          wrong.push(`${JSON.stringify(text)} ${path} git: ${ignored.has(path)}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('follows files of several levels as git does', () => {
    const levels = {
      '.gitignore': '*.log\nbuild/\n/top\nc/d/*\n',
      'a/.gitignore': '!keep.log\n/b\n',
      'a/x/.gitignore': '*\n!.gitignore\n!y\n',
      'build/.gitignore': '!*\n',
      'c/d/.gitignore': '!e\n',
    }
    const paths = [
      'x.log',
      'a/keep.log',
      'a/b/c',
      'a/x/y',
      'a/x/z',
      'a/x/.gitignore',
      'build/out',
      'top',
      'a/top',
      'c/d/e/f',
      'c/d/g',
    ]
    for (const path of paths) write(path, '')
    for (const [path, text] of Object.entries(levels)) write(path, text)
    const rules = createIgnoreRules(asFiles(levels), budget())
    expect(paths.filter((path) => rules.isIgnored(path))).toEqual(gitIgnored(paths))
  })

  it('agrees with the library "ignore" on an ordinary file', () => {
    const text = 'node_modules\n/dist/\n*.py[cod]\n!important.pyc\n.env*\n!.env.example\ndocs/**/*.tmp\ncoverage/\n'
    const paths = [
      'node_modules/a/b',
      'dist/x',
      'src/dist/x',
      'a.pyc',
      'important.pyc',
      '.env',
      '.env.example',
      'docs/a/b.tmp',
      'docs/x.tmp',
      'coverage/x',
      'coverage',
    ]
    const rules = createIgnoreRules(asFiles({ '.gitignore': text }), budget())
    const library = ignore({ ignorecase: false }).add(text)
    expect(paths.filter((path) => rules.isIgnored(path))).toEqual(paths.filter((path) => library.ignores(path)))
  })

  function gitIgnored(paths: readonly string[]): readonly string[] {
    try {
      const output = runGit(folder, ['check-ignore', '--no-index', '--stdin', '-z'], paths.join('\0'))
      return output.split('\0').filter((path) => path !== '')
    } catch {
      // check-ignore ends with 1 when no path is ignored.
      return []
    }
  }
})

describe('createAttributeRules', () => {
  it('says of every path what git says', () => {
    const levels = {
      '.gitattributes':
        '[attr]lfs filter=lfs diff=lfs -text\n[attr]both lfs eol=lf\n* text=auto\n*.bin binary\n*.png lfs\n*.dat both\n"with space.txt" eol=crlf\n' +
        '"\\303\\244.txt" -text\n/root.txt text eol=lf\nsub/ text\nsub/*.md !text\n  *.ps1 text eol=crlf # x\n!neg text\n*.lfs filter=lfs -filter\nfoo text=foo crlf\n',
      'sub/.gitattributes': '[attr]lfs filter=other\n*.png !filter\n*.txt text\ndeep/** crlf=input\n',
      'sub/deep/.gitattributes': '* -text\n',
    }
    const paths = [
      'a.bin',
      'a.png',
      'a.dat',
      'with space.txt',
      'ä.txt',
      'root.txt',
      'x/root.txt',
      'sub/a.md',
      'sub/a.png',
      'sub/a.txt',
      'sub/deep/x',
      'a.ps1',
      'a.lfs',
      'foo',
      'other',
    ]
    for (const [path, text] of Object.entries(levels)) write(path, text)
    const names = ['text', 'eol', 'crlf', 'filter']
    const rules = createAttributeRules(asFiles(levels), budget())
    const own = paths.flatMap((path) => {
      const attributes = rules.attributesOf(path)
      return names.flatMap((name) => [path, name, shown(attributes.get(name))])
    })
    const git = runGit(folder, ['check-attr', '-z', ...names, '--', ...paths])
      .replace(/\0$/, '')
      .split('\0')
    expect(own).toEqual(git)
  })

  const shown = (value: string | boolean | undefined) =>
    value === undefined ? 'unspecified' : value === true ? 'set' : value === false ? 'unset' : value
})

describe('normaliseLineEndings', () => {
  const CONTENTS: Readonly<Record<string, Buffer>> = {
    crlf: Buffer.from('a\r\nb\r\n'),
    mixed: Buffer.from('a\r\nb\nc\r\n'),
    lone: Buffer.from('a\rb\r\n'),
    nul: Buffer.from('a\0\r\n'),
    controls: Buffer.from('\x01\x02\x03\r\n'),
    fewControls: Buffer.from(`${'x'.repeat(400)}\x01\r\n`),
    ctrlZ: Buffer.from('a\r\n\x1a'),
    endsInCr: Buffer.from('a\r\nb\r'),
    escape: Buffer.from('\x1b[31m\tx\r\n'),
    high: Buffer.from('ä ö ü\r\n'),
  }
  const ATTRIBUTES = [
    '',
    'text',
    'text=auto',
    '-text',
    'binary',
    'eol=lf',
    'eol=crlf',
    'text=auto eol=crlf',
    'crlf',
    '-crlf',
    'crlf=input',
    'text=input',
    '-text eol=lf',
  ]

  it.each(ATTRIBUTES)('makes of new files with "%s" what git add makes of them', (attributes) => {
    const text = `* ${attributes}\n`
    write('.gitattributes', text)
    const rules = createAttributeRules(asFiles({ '.gitattributes': text }), budget())
    for (const [name, content] of Object.entries(CONTENTS)) {
      write(name, content)
      runGit(folder, ['add', name])
      const own = normaliseLineEndings(content, lineEndingsFor(rules.attributesOf(name)), false)
      expect([name, Buffer.from(own).toString('latin1')]).toEqual([
        name,
        runGit(folder, ['cat-file', 'blob', `:${name}`]).replaceAll('ä ö ü', Buffer.from('ä ö ü').toString('latin1')),
      ])
    }
  })
})
