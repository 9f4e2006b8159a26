import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AgentTool } from '../agent-tool.ts'
import { createProcessWorkspace, type ProcessWorkspace } from '../testing/process-workspace.ts'
import { editTool } from './edit.ts'
import { listTool } from './list.ts'
import { readTool } from './read.ts'
import { searchTool } from './search.ts'
import { shellTool } from './shell.ts'
import { writeTool } from './write.ts'

let workspace: ProcessWorkspace
beforeEach(async () => {
  workspace = await createProcessWorkspace()
})
afterEach(() => workspace[Symbol.asyncDispose]())

async function use(tool: AgentTool, input: object, signal = new AbortController().signal, at = workspace) {
  const prepared = tool.prepare(input)
  if (prepared.kind === 'invalid') return { kind: 'invalid' as const, text: prepared.message }
  return prepared.run({ workspace: at, signal })
}

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(join(workspace.root, path, '..'), { recursive: true })
  await writeFile(join(workspace.root, path), content)
}

const content = (path: string) => readFile(join(workspace.root, path))

describe('paths', () => {
  it.each([['/etc/passwd'], ['../secret'], ['a/../../b'], ['a\0b'], ['']])('refuses %j', async (path) => {
    for (const tool of [readTool, listTool]) expect((await use(tool, { path })).kind).toBe('invalid')
    expect((await use(writeTool, { path, content: '' })).kind).toBe('invalid')
  })
})

describe('shell', () => {
  it('ends a command and its children at the timeout', async () => {
    const { kind, text } = await use(shellTool, { command: 'echo begun; sleep 60 & sleep 60', timeout_s: 1 })
    expect(kind).toBe('error')
    expect(text).toMatch(/^begun\n\[ended after 1 s/)
  })

  it('caps a flood and keeps its head and tail', async () => {
    const { text } = await use(shellTool, { command: 'echo first; yes | head -c 5000000; echo last; exit 3' })
    expect(text.length).toBeLessThan(26_000)
    expect(text).toMatch(/^first\n/)
    expect(text).toMatch(/bytes left out here/)
    expect(text).toMatch(/last\n\[exit code 3\]$/)
  })

  it('is interrupted by the signal', async () => {
    const { kind, text } = await use(shellTool, { command: 'sleep 60' }, AbortSignal.timeout(50))
    expect([kind, text]).toEqual(['error', '[the command was interrupted]'])
  })
})

describe('read', () => {
  it('numbers the lines and tells how to go on', async () => {
    await put('a.txt', Array.from({ length: 10 }, (_, index) => `line ${index + 1}\n`).join(''))
    const { text } = await use(readTool, { path: './a.txt', from_line: 3, line_count: 2 })
    expect(text).toBe('    3\tline 3\n    4\tline 4\n[lines to 4 of 10; go on with from_line 5]')
    expect((await use(readTool, { path: 'a.txt', from_line: 10 })).text).toBe('   10\tline 10')
    expect((await use(readTool, { path: 'a.txt', from_line: 11 })).text).toBe('a.txt has only 10 lines.')
  })

  it('says what an edit has to know: CRLF, a missing last newline, bytes that are no UTF-8', async () => {
    await put('crlf.txt', 'a\r\nb')
    expect((await use(readTool, { path: 'crlf.txt' })).text).toBe(
      '    1\ta\n    2\tb\n[no newline at the end of the file]\n[lines end with CRLF; edit keeps that]',
    )
    await put('latin1.txt', new Uint8Array([0x66, 0xfc, 0x72, 0x0a]))
    expect((await use(readTool, { path: 'latin1.txt' })).text).toMatch(/^ {4}1\tf\ufffdr\n\[not UTF-8/)
  })

  it('does not show binary files', async () => {
    await put('logo.png', new Uint8Array([0x89, 0x50, 0, 1]))
    expect(await use(readTool, { path: 'logo.png' })).toEqual({
      kind: 'error',
      text: 'logo.png is a binary file of 4 bytes. Use the shell to inspect it.',
    })
  })

  it('cuts long lines and long files, and says so', async () => {
    await put('wide.txt', `${'x'.repeat(5_000)}\n`)
    expect((await use(readTool, { path: 'wide.txt' })).text).toMatch(/\[3,000 more characters in this line\]$/)
    await put('long.txt', 'y'.repeat(99).concat('\n').repeat(60_000))
    const { text } = await use(readTool, { path: 'long.txt' })
    expect(text.length).toBeLessThan(50_000)
    expect(text).toMatch(/go on with from_line/)
  })

  it('takes a character apart at no cap', async () => {
    // One byte in front, so that the cap of 4 MiB falls into the middle of a character.
    await put('umlauts.txt', `x${`${'ü'.repeat(99)}\n`.repeat(30_000)}`)
    expect((await use(readTool, { path: 'umlauts.txt', line_count: 5 })).text).not.toMatch(/not UTF-8/)
  })

  it.each([
    ['nothing', /There is no file nothing/],
    ['.', /is a directory/],
  ])('explains why %s cannot be read', async (path, reason) => {
    const outcome = await use(readTool, { path })
    expect(outcome.kind).toBe('error')
    expect(outcome.text).toMatch(reason)
  })

  it('shows an empty file as such', async () => {
    await put('empty', '')
    expect(await use(readTool, { path: 'empty' })).toEqual({ kind: 'ok', text: '[the file is empty]' })
  })
})

describe('write', () => {
  it('writes the bytes as given, below new directories, under any name', async () => {
    const path = "new dir/ünï 'quoted' $HOME.txt"
    expect((await use(writeTool, { path, content: 'é\r\nno newline' })).kind).toBe('ok')
    expect(await content(path)).toEqual(Buffer.from('é\r\nno newline'))
  })

  it('says why it could not write', async () => {
    await put('file', 'x')
    expect(await use(writeTool, { path: 'file/below', content: 'x' })).toMatchObject({
      kind: 'error',
      text: expect.stringMatching(/was not written: E/),
    })
  })

  it('refuses half a surrogate pair', async () => {
    expect((await use(writeTool, { path: 'a', content: '\ud800' })).kind).toBe('error')
  })
})

describe('edit', () => {
  it('changes exactly what was named and keeps every other byte', async () => {
    await put('a.ts', '\ufeffconst a = 1\r\nconst b = 2\r\nlast')
    const outcome = await use(editTool, { path: 'a.ts', old_text: 'const b = 2\nlast', new_text: 'const b = 3\nend' })
    expect(outcome).toEqual({ kind: 'ok', text: 'Changed a.ts at line 2.' })
    expect((await content('a.ts')).toString()).toBe('\ufeffconst a = 1\r\nconst b = 3\r\nend')
  })

  it('shows the most similar part when there is no match', async () => {
    await put('a.ts', 'if (x) {\n\treturn 1\n}\n')
    const { kind, text } = await use(editTool, { path: 'a.ts', old_text: '  return 1', new_text: '  return 2' })
    expect(kind).toBe('error')
    expect(text).toMatch(/does not occur in a\.ts\. The most similar part is:\n {4}2\t\treturn 1/)
  })

  it('changes nothing when the text occurs more often than said', async () => {
    await put('a.ts', 'x\nx\n')
    expect((await use(editTool, { path: 'a.ts', old_text: 'x', new_text: 'y' })).text).toMatch(
      /occurs 2 times in a\.ts \(lines 1, 2\), expected 1/,
    )
    expect((await content('a.ts')).toString()).toBe('x\nx\n')
  })

  it('damages no file that is not UTF-8', async () => {
    const bytes = new Uint8Array([0x66, 0xfc, 0x72])
    await put('latin1.txt', bytes)
    expect((await use(editTool, { path: 'latin1.txt', old_text: 'f', new_text: 'g' })).text).toMatch(/not UTF-8/)
    expect(new Uint8Array(await content('latin1.txt'))).toEqual(bytes)
  })
})

describe('list', () => {
  beforeEach(async () => {
    await put('.git/config', 'x')
    await put('src/a.ts', 'x')
    await put('src/deep/b.ts', 'x')
    await put('node_modules/x/index.ts', 'x')
    await put('Grüße 日本.md', 'x')
    await put('-rf', 'x')
    await put('two\nlines', 'x')
  })

  it('lists one directory without .git, directories with a slash', async () => {
    const { text } = await use(listTool, {})
    expect(text.split('\n')).toEqual(['-rf', 'Grüße 日本.md', 'node_modules/', 'src/', '"two\\nlines"'])
    expect((await use(listTool, { path: 'src/' })).text).toBe('a.ts\ndeep/')
  })

  it('finds files below by a glob, and not those of node_modules', async () => {
    expect((await use(listTool, { glob: '**/*.ts' })).text).toBe('src/a.ts\nsrc/deep/b.ts')
    expect((await use(listTool, { glob: '*.ts' })).text).toBe('src/a.ts\nsrc/deep/b.ts')
    expect((await use(listTool, { glob: 'src/*.ts' })).text).toBe('src/a.ts')
    expect((await use(listTool, { path: 'src', glob: 'deep/*' })).text).toBe('deep/b.ts')
    expect((await use(listTool, { glob: 'node_modules/**/*.ts' })).text).toBe('node_modules/x/index.ts')
  })

  it('runs nothing that is in a path or glob', async () => {
    await use(listTool, { path: "$(touch owned)'; touch owned; '", glob: "'; touch owned; '" })
    expect((await use(listTool, { glob: 'owned' })).text).toBe('[no file matches owned]')
  })

  it('explains a missing directory', async () => {
    expect(await use(listTool, { path: 'nowhere' })).toMatchObject({
      kind: 'error',
      text: expect.stringMatching(/nowhere.*No such file/),
    })
  })

  it('caps the entries', async () => {
    await workspace.exec('mkdir many; cd many; seq 700 | xargs touch', { timeoutMs: 10_000, maxOutputBytes: 1_000 })
    const lines = (await use(listTool, { path: 'many' })).text.split('\n')
    expect(lines).toHaveLength(501)
    expect(lines.at(-1)).toBe('[200 more; narrow path or glob]')
  })
})

describe.each([
  ['ripgrep', undefined],
  ['find and grep', 'tools-only'],
  ['busybox', 'busybox'],
] as const)('search by %s', (_name, kind) => {
  let at: ProcessWorkspace
  beforeEach(async () => {
    at = await createProcessWorkspace(kind === undefined ? {} : { path: await toolsWithoutRipgrep(kind) })
    const write = (path: string, text: string | Uint8Array) =>
      at.writeFile(path, typeof text === 'string' ? new TextEncoder().encode(text) : text)
    await write('src/a.ts', "const needle = 'x'\nother\n")
    await write('src/deep/b.md', 'Needle here\n')
    await write('.git/x', 'needle\n')
    await write('node_modules/y.js', 'needle\n')
    await write('bin', new Uint8Array([0, 1, ...new TextEncoder().encode('needle\n')]))
    await write('.hidden/c.ts', 'needle é\n')
  })
  afterEach(() => at[Symbol.asyncDispose]())
  const search = (input: object) => use(searchTool, input, undefined, at)

  it('finds lines with path and number, hidden folders included, .git, node_modules and binaries not', async () => {
    const { text } = await search({ pattern: 'ne+dle' })
    expect(text.split('\n').sort()).toEqual(['.hidden/c.ts:1:needle é', "src/a.ts:1:const needle = 'x'"])
  })

  it('narrows by path, glob and case', async () => {
    expect((await search({ pattern: 'needle', path: 'src', ignore_case: true, glob: '*.md' })).text).toBe(
      'src/deep/b.md:1:Needle here',
    )
    expect((await search({ pattern: 'needle', glob: 'src/**/*.ts' })).text).toBe("src/a.ts:1:const needle = 'x'")
  })

  it('takes quotes and leading dashes as text', async () => {
    expect((await search({ pattern: "= 'x'" })).text).toBe("src/a.ts:1:const needle = 'x'")
    expect((await search({ pattern: '-x' })).text).toBe('[no match]')
  })

  it('says that nothing matches, and what is wrong with a pattern', async () => {
    expect((await search({ pattern: 'absent' })).text).toBe('[no match]')
    expect((await search({ pattern: '(' })).text).toMatch(/unclosed|unmatched|bad regex/i)
  })

  it('caps matches', async () => {
    await at.writeFile('many.txt', new TextEncoder().encode('hit\n'.repeat(400)))
    const lines = (await search({ pattern: 'hit' })).text.split('\n')
    expect(lines).toHaveLength(201)
    expect(lines.at(-1)).toMatch(/^\[there are more matches/)
  })

  it('caps long lines and what they come to', async () => {
    await at.writeFile('wide.txt', new TextEncoder().encode(`${'hit é '.repeat(5_000)}\n`.repeat(400)))
    const { text } = await search({ pattern: 'hit' })
    expect(text.length).toBeLessThan(26_000)
    expect(text).not.toContain('\ufffd')
    expect(text.split('\n')[0]).toMatch(/\[29,\d+ more characters\]$/)
    expect(text).toMatch(/there are more matches/)
  })
})

/** A folder with links to what a sandbox has at least, and no ripgrep: of this machine, or of busybox. */
async function toolsWithoutRipgrep(kind: 'tools-only' | 'busybox'): Promise<string> {
  const folder = join(workspace.root, 'tools')
  await mkdir(folder, { recursive: true })
  for (const name of ['find', 'grep', 'head', 'printf']) {
    await symlink(kind === 'busybox' ? '/usr/bin/busybox' : `/usr/bin/${name}`, join(folder, name))
  }
  return folder
}
