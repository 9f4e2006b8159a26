import { createTools, type Workspace } from '@devbot/agent'
import { excludedBy } from '@devbot/git'
import type { Sandbox } from '@devbot/sandbox'
import { dockerPlaces, type Place, processPlaces } from '@devbot/sandbox/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

/** Where the tools differ: with ripgrep and GNU's programs, with busybox's, and in containers without ripgrep or nearly anything. */
const NAMES = ['the system shell', 'busybox', 'Docker and the debian image', 'Docker and the bare image']
const docker = await dockerPlaces(process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock')
const chosen = (places: readonly Place[]) => places.filter(({ name }) => NAMES.includes(name))
const processes = processPlaces()

afterAll(async () => {
  for (const place of processes) if (!NAMES.includes(place.name)) await place.close()
})

describe.each(chosen(processes))("the agent's tools with $name", toolTests)
describe.skipIf(!docker.answers).each(chosen(docker.places))("the agent's tools with $name", toolTests)

const bytesOf = (text: string) => new TextEncoder().encode(text)

function toolTests(place: Place): void {
  const isContained = place.isContainer
  let made: Awaited<ReturnType<Place['make']>>
  let sandbox: Sandbox
  let root: string
  let tools = createTools('implement', { excludedBy }).tools

  beforeAll(async () => {
    made = await place.make()
    sandbox = made.sandbox
    root = (await sh('pwd')).trim()
  })
  beforeEach(async () => {
    await sh(`cd '${root}' && chmod -R u+rwx . && rm -rf ./* ./.[!.]*`)
    tools = createTools('implement', { excludedBy }).tools
  })
  afterAll(async () => {
    await made?.remove()
    await place.close()
  })

  async function sh(command: string): Promise<string> {
    const { exitCode, output } = await sandbox.exec(command, { timeoutMs: 60_000, maxOutputBytes: 10_000 })
    const text = new TextDecoder().decode(output)
    if (exitCode !== 0) throw new Error(`${command} ended with ${exitCode}: ${text}`)
    return text
  }

  async function use(name: string, input: object, signal = new AbortController().signal) {
    const prepared = tools.find(({ offer }) => offer.name === name)?.prepare(input)
    if (prepared === undefined) throw new Error(`no tool ${name}`)
    if (prepared.kind === 'invalid') return { kind: 'invalid' as const, text: prepared.message }
    const workspace: Workspace = sandbox
    return await prepared.run({ workspace, signal })
  }
  const textOf = async (name: string, input: object) => (await use(name, input)).text
  const put = (path: string, content: string | Uint8Array) =>
    sandbox.writeFile(path, typeof content === 'string' ? bytesOf(content) : content)

  async function content(path: string): Promise<Buffer> {
    const file = await sandbox.readFile(path, { maxBytes: 10_000_000 })
    return file.kind === 'file' ? Buffer.from(file.bytes) : Buffer.from(`[${file.kind}]`)
  }

  describe('paths', () => {
    it.each(['/etc/passwd', '../secret', 'a/../../b', 'a\0b', ''])(
      'outside the workspace are refused: %j',
      async (path) => {
        const inputs = {
          write: { content: '' },
          edit: { old_text: 'a', new_text: 'b' },
          list: {},
          search: { pattern: 'x' },
        }
        for (const [name, input] of Object.entries(inputs)) {
          expect((await use(name, { path, ...input })).kind).toBe('invalid')
        }
        if (path !== '/etc/passwd') expect((await use('read', { path })).kind).toBe('invalid')
      },
    )

    it('mean the workspace, wherever the shell is', async () => {
      await put('src/a.ts', 'needle\n')
      await use('shell', { command: 'mkdir elsewhere; cd elsewhere' })
      expect(await textOf('read', { path: 'src/a.ts' })).toBe('1\tneedle')
      expect(await textOf('list', { path: 'src' })).toBe('a.ts')
      expect(await textOf('search', { pattern: 'needle' })).toBe('src/a.ts:1:needle')
      expect(await textOf('shell', { command: 'pwd' })).toMatch(/elsewhere\n\[exit code 0\]$/)
    })
  })

  describe('shell', () => {
    it('ends a command and its children at the timeout', async () => {
      const { kind, text } = await use('shell', { command: 'echo begun; sleep 60 & sleep 60', timeout_s: 1 })
      expect(kind).toBe('error')
      expect(text).toMatch(/^begun\n\[ended after 1 s; .*background/)
    })

    it('is interrupted by the signal', async () => {
      const { kind, text } = await use('shell', { command: 'sleep 60' }, AbortSignal.timeout(50))
      expect([kind, text]).toEqual(['error', '[the command was interrupted]'])
    })

    // 50 MB, which memory has to be flat for; a fifth of it where busybox takes twenty seconds to find a line in that.
    const lines = place.name.includes('busybox') || place.name.includes('bare') ? 588_235 : 2_941_176
    it('shows head and tail of a long output in flat memory, and where the whole is, which read and shell can open', async () => {
      const wholeBytes = lines * 17 + 8
      const total = wholeBytes + 12
      const before = process.memoryUsage().rss
      let peak = before
      const watch = setInterval(() => {
        peak = Math.max(peak, process.memoryUsage().rss)
      }, 10)
      const command = `echo first; yes "a line of output" | head -c ${wholeBytes}; echo; echo last; exit 3`
      const { text } = await use('shell', { command })
      clearInterval(watch)
      expect(peak - before).toBeLessThan(15_000_000)
      expect(text.length).toBeLessThan(26_000)
      expect(text).toMatch(/^first\n(a line of output\n)+/)
      expect(text).toMatch(/last\n\[exit code 3\]$/)
      const [, told, path = ''] = /of ([\d,]+) bytes left out here; the whole is in (\S+) until/.exec(text) ?? []
      expect(told).toBe(total.toLocaleString('en-US'))
      expect(await textOf('read', { path, from_line: -2 })).toBe('-2\ta line o\n-1\tlast')
      expect(await textOf('read', { path, from_line: 500_000, line_count: 1 })).toMatch(
        /^500000\ta line of output\n\[lines to 500,000; go on with from_line 500001\]$/,
      )
      expect(await textOf('read', { path, from_line: 9_000_000 })).toContain(
        `has only ${(lines + 3).toLocaleString('en-US')} lines.`,
      )
      const both = await textOf('read', { path })
      expect(both).toMatch(
        /^1\tfirst\n[\s\S]*\n\[the middle is left out, [\d,]+ bytes in all; go on with from_line \d+, [\s\S]*\n-1\tlast$/,
      )
      expect(both.length).toBeLessThan(52_000)
      expect(await textOf('shell', { command: `wc -c <'${path}'; rm '${path}'` })).toContain(String(total))
    }, 120_000)
  })

  describe('job', () => {
    it('goes on beside other calls, shows what is new at each look, and tells its end once, by whatever call is next', async () => {
      const command = 'echo up; while ! [ -e go ]; do sleep 0.05; done; echo more; exit 4'
      expect(await textOf('shell', { command, background: true })).toMatch(/^up\n\[job 1 \(echo up; .*\) is running\]$/)
      expect(await textOf('job', { id: 1 })).toMatch(/^\[no new output\]\n\[job 1 .* is running\]$/)
      await put('go', '')
      await expect
        .poll(() => textOf('read', { path: 'go' }), { timeout: 10_000 })
        .toMatch(/\n\[job 1 \(.*\) ended with exit code 4\]$/)
      expect(await textOf('read', { path: 'go' })).not.toMatch(/job/)
      expect(await textOf('job', { id: 1 })).toMatch(/^more\n\[job 1 .* ended with exit code 4\]$/)
    })

    it('is waited for, listed and stopped', async () => {
      await use('shell', { command: 'sleep 60; echo never', background: true })
      const started = performance.now()
      await use('shell', { command: 'sleep 1; echo done', background: true })
      expect(await textOf('job', { id: 2, wait_s: 60 })).toMatch(/^done\n\[job 2 .* ended with exit code 0\]$/)
      expect(performance.now() - started).toBeLessThan(20_000)
      expect(await textOf('job', {})).toMatch(/^\[job 1 .* is running\]\n\[job 2 .* ended with exit code 0\]$/)
      expect(await textOf('job', { id: 1, stop: true })).toMatch(/^\[no new output\]\n\[job 1 .* was ended\]$/)
      expect(await use('job', { id: 7 })).toMatchObject({
        kind: 'error',
        text: expect.stringMatching(/There are: 1, 2/),
      })
    })

    it('is limited in number, and in what one look shows', async () => {
      for (let count = 0; count < 6; count += 1) await use('shell', { command: 'sleep 60', background: true })
      expect(await use('shell', { command: 'sleep 60', background: true })).toMatchObject({
        kind: 'error',
        text: expect.stringMatching(/^Not started: jobs 1, 2, 3, 4, 5, 6 are running/),
      })
      for (let id = 1; id <= 6; id += 1) await use('job', { id, stop: true })
      await use('shell', { command: 'yes | head -c 3000000; echo end', background: true })
      const { text } = await use('job', { id: 7, wait_s: 30 })
      const both = `${text}${await textOf('job', { id: 7 })}`
      expect(text.length).toBeLessThan(26_000)
      expect(both).toMatch(/new bytes left out here; the whole is in \S+|no new output/)
    }, 60_000)
  })

  describe('read', () => {
    it('numbers the lines and tells how to go on', async () => {
      await put('a.txt', Array.from({ length: 10 }, (_, index) => `line ${index + 1}\n`).join(''))
      expect(await textOf('read', { path: './a.txt', from_line: 3, line_count: 2 })).toBe(
        '3\tline 3\n4\tline 4\n[lines to 4 of 10; go on with from_line 5]',
      )
      expect(await textOf('read', { path: 'a.txt', from_line: 10 })).toBe('10\tline 10')
      expect(await textOf('read', { path: 'a.txt', from_line: -1 })).toBe('10\tline 10')
      expect(await textOf('read', { path: 'a.txt', from_line: 11 })).toBe('a.txt has only 10 lines.')
    })

    it('says what an edit has to know: CRLF, a missing last newline, bytes that are no UTF-8', async () => {
      await put('crlf.txt', 'a\r\nb')
      expect(await textOf('read', { path: 'crlf.txt' })).toBe(
        '1\ta\n2\tb\n[no newline at the end of the file]\n[lines end with CRLF; edit keeps that]',
      )
      await put('latin1.txt', new Uint8Array([0x66, 0xfc, 0x72, 0x0a]))
      expect(await textOf('read', { path: 'latin1.txt' })).toMatch(/^1\tf\ufffdr\n\[not UTF-8/)
      await put('empty', '')
      expect(await textOf('read', { path: 'empty' })).toBe('[the file is empty]')
    })

    it('cuts long lines and long files, and says so', async () => {
      await put('wide.txt', `${'x'.repeat(5_000)}\n`)
      expect(await textOf('read', { path: 'wide.txt' })).toMatch(/\[3,000 more characters in this line\]$/)
      await put('one-line.txt', 'x'.repeat(5_000_000))
      expect(await textOf('read', { path: 'one-line.txt' })).toMatch(/more characters in this line\]\n\[the middle/)
      // One byte in front, so that the cap of 4 MiB falls into the middle of a character.
      await put('umlauts.txt', `x${`${'ü'.repeat(99)}\n`.repeat(30_000)}`)
      expect(await textOf('read', { path: 'umlauts.txt', line_count: 5 })).not.toMatch(/not UTF-8/)
    })

    it('explains what cannot be read, and hangs on nothing', async () => {
      await put('logo.png', new Uint8Array([0x89, 0x50, 0, 1]))
      await sh('mkdir folder; mkfifo pipe; ln -s loop loop; ln -s /dev/zero device; printf x >closed; chmod 0 closed')
      const reasons = {
        'logo.png': /binary file of 4 bytes/,
        nothing: /There is no file nothing/,
        folder: /is a directory/,
        pipe: /neither a file nor a directory but a pipe/,
        device: /neither a file nor a directory but a pipe/,
        loop: /There is no file loop/,
        ...(isContained ? { closed: /may not be read/, '/etc/shadow': /may not be read|no file/ } : {}),
      }
      for (const [path, reason] of Object.entries(reasons)) {
        expect(await use('read', { path })).toMatchObject({ kind: 'error', text: expect.stringMatching(reason) })
      }
    })
  })

  describe('write and edit', () => {
    it('write the bytes as given, below new directories, under any name', async () => {
      for (const path of ["new dir/ünï 'quoted' $HOME.txt", '-rf', 'two\nlines', '日本/語']) {
        expect((await use('write', { path, content: 'é\r\nno newline' })).kind).toBe('ok')
        expect(await content(path)).toEqual(Buffer.from('é\r\nno newline'))
        expect((await use('edit', { path, old_text: 'no ', new_text: 'a ' })).kind).toBe('ok')
        expect(await content(path)).toEqual(Buffer.from('é\r\na newline'))
      }
    })

    it('say why they could not write', async () => {
      await put('file', 'x')
      await sh('mkdir folder; mkfifo pipe; mkdir closed; chmod 555 closed')
      for (const path of ['file/below', 'folder', 'pipe', ...(isContained ? ['closed/new'] : [])]) {
        const outcome = await use('write', { path, content: 'x' })
        expect(outcome).toMatchObject({ kind: 'error', text: expect.stringMatching(/was not written: \S/) })
      }
      expect((await use('write', { path: 'a', content: '\ud800' })).text).toMatch(/surrogate/)
    })

    it('change exactly what was named and keep every other byte', async () => {
      await put('a.ts', '\ufeffconst a = 1\r\nconst b = 2\r\nlast')
      const outcome = await use('edit', { path: 'a.ts', old_text: 'const b = 2\nlast', new_text: 'const b = 3\nend' })
      expect(outcome).toEqual({ kind: 'ok', text: 'Changed a.ts at line 2.' })
      expect((await content('a.ts')).toString()).toBe('\ufeffconst a = 1\r\nconst b = 3\r\nend')
    })

    it('show the most similar part when there is no match, and where there are too many', async () => {
      await put('a.ts', 'if (x) {\n\treturn 1\n}\nx\nx\n')
      expect(await textOf('edit', { path: 'a.ts', old_text: '  return 1', new_text: '  return 2' })).toMatch(
        /does not occur in a\.ts\. The most similar part is:\n2\t\treturn 1/,
      )
      expect(await textOf('edit', { path: 'a.ts', old_text: 'x\n', new_text: 'y\n' })).toMatch(
        /occurs 2 times in a\.ts \(lines 4, 5\), expected 1/,
      )
      expect((await content('a.ts')).toString()).toBe('if (x) {\n\treturn 1\n}\nx\nx\n')
    })

    it('damage no file that is not UTF-8', async () => {
      const bytes = new Uint8Array([0x66, 0xfc, 0x72])
      await put('latin1.txt', bytes)
      expect(await textOf('edit', { path: 'latin1.txt', old_text: 'f', new_text: 'g' })).toMatch(/not UTF-8/)
      expect(new Uint8Array(await content('latin1.txt'))).toEqual(bytes)
    })
  })

  describe('list', () => {
    beforeEach(async () => {
      const paths = [
        '.git/config',
        'src/a.ts',
        'src/deep/b.ts',
        'node_modules/x/index.ts',
        'Grüße 日本.md',
        '-rf',
        'two\nlines',
      ]
      for (const path of paths) await put(path, 'x')
    })

    it('lists one directory without .git, directories with a slash', async () => {
      expect((await textOf('list', {})).split('\n')).toEqual([
        '-rf',
        'Grüße 日本.md',
        'node_modules/',
        'src/',
        '"two\\nlines"',
      ])
      expect(await textOf('list', { path: 'src/' })).toBe('a.ts\ndeep/')
    })

    it('finds files below by a glob, and not those of node_modules', async () => {
      expect(await textOf('list', { glob: '**/*.ts' })).toBe('src/a.ts\nsrc/deep/b.ts')
      expect(await textOf('list', { glob: '*.ts' })).toBe('src/a.ts\nsrc/deep/b.ts')
      expect(await textOf('list', { glob: 'src/*.{ts,js}' })).toBe('src/a.ts')
      expect(await textOf('list', { path: 'src', glob: 'deep/*' })).toBe('deep/b.ts')
      expect(await textOf('list', { glob: 'node_modules/**/*.ts' })).toBe('node_modules/x/index.ts')
      expect(await textOf('list', { glob: 'no/such/*.ts' })).toBe('[no file matches no/such/*.ts]')
    })

    it('leaves out what .gitignore files exclude and says so, unless it is named', async () => {
      await put('.gitignore', '*.log\n/dist/\nnode_modules\n!keep.log\n')
      await put('src/.gitignore', 'deep/*\n!deep/c.ts\n')
      for (const path of ['a.log', 'keep.log', 'dist/x.ts', 'src/deep/c.ts', 'src/b.log']) await put(path, 'needle\n')
      expect(await textOf('list', {})).toBe(
        '-rf\n.gitignore\nGrüße 日本.md\nkeep.log\nsrc/\n"two\\nlines"\n[excluded by .gitignore: a.log, dist/, node_modules/]',
      )
      expect(await textOf('list', { path: 'src' })).toBe('.gitignore\na.ts\ndeep/\n[excluded by .gitignore: b.log]')
      expect(await textOf('list', { glob: '**/*.{ts,log}' })).toBe(
        'keep.log\nsrc/a.ts\nsrc/deep/c.ts\n[4 more that match are excluded by .gitignore]',
      )
      expect(await textOf('list', { path: 'dist' })).toBe('x.ts')
      expect(await textOf('list', { glob: 'dist/*' })).toBe('dist/x.ts')
      expect((await textOf('search', { pattern: 'needle' })).split('\n').sort()).toEqual([
        'keep.log:1:needle',
        'src/deep/c.ts:1:needle',
      ])
      expect(await textOf('search', { pattern: 'needle', path: 'dist' })).toBe('dist/x.ts:1:needle')
    })

    it('runs nothing that is in a path or glob', async () => {
      await use('list', { path: "$(touch owned)'; touch owned; '", glob: "'; touch owned; '" })
      expect(await textOf('list', { glob: 'owned' })).toBe('[no file matches owned]')
    })

    it('explains what is no directory, follows no loop, and names what it could not read', async () => {
      await sh(`mkfifo pipe; ln -s . src/again; ln -s ../.. src/deep/up; mkdir closed; touch closed/x; chmod 0 closed`)
      expect(await textOf('list', { path: 'nowhere' })).toBe('nowhere cannot be listed: there is nothing of that name.')
      expect(await textOf('list', { path: 'pipe' })).toBe('pipe cannot be listed: it is no directory.')
      expect((await textOf('list', { glob: '**' })).split('\n')).toContain('src/again')
      expect(await textOf('search', { pattern: 'x', path: 'src' })).toMatch(/^src\/a\.ts:1:x\nsrc\/deep\/b\.ts:1:x$/)
      if (!isContained) return
      expect(await textOf('list', { path: 'closed' })).toMatch(/this user may not read it/)
      expect(await textOf('list', { glob: '**' })).toMatch(/\[not complete: .*could not be read\]$/)
    })

    it('marks a name that is no UTF-8, and caps the entries of a huge directory', async () => {
      await sh(`mkdir many; cd many; i=0; while [ $i -lt 3000 ]; do : >f$i; i=$((i+1)); done; cd ..`)
      const lines = (await textOf('list', { path: 'many' })).split('\n')
      expect(lines).toHaveLength(501)
      expect(lines.at(-1)).toBe('[2,500 more; narrow path or glob]')
      await sh(`mkdir odd; : >"odd/$(printf 'caf\\351')"`)
      expect(await textOf('list', { path: 'odd' })).toBe(
        'caf\ufffd [the name is not UTF-8: use the shell, with a pattern]',
      )
    })
  })

  describe('search', () => {
    beforeEach(async () => {
      await put('src/a.ts', "const needle = 'x'\nother\n")
      await put('src/deep/b.md', 'Needle here\n')
      await put('.git/x', 'needle\n')
      await put('node_modules/y.js', 'needle\n')
      await put('bin', new Uint8Array([0, 1, ...bytesOf('needle\n')]))
      await put('.hidden/c.ts', 'needle é\n')
    })

    it('finds lines with path and number, hidden folders included, .git, node_modules and binaries not', async () => {
      const text = await textOf('search', { pattern: 'ne+dle' })
      expect(text.split('\n').sort()).toEqual(['.hidden/c.ts:1:needle é', "src/a.ts:1:const needle = 'x'"])
    })

    it('narrows by path, glob and case', async () => {
      expect(await textOf('search', { pattern: 'needle', path: 'src', ignore_case: true, glob: '*.md' })).toBe(
        'src/deep/b.md:1:Needle here',
      )
      expect(await textOf('search', { pattern: 'needle', glob: 'src/**/*.ts' })).toBe("src/a.ts:1:const needle = 'x'")
      expect(await textOf('search', { pattern: 'other', path: 'src/a.ts' })).toBe('src/a.ts:2:other')
    })

    it('takes quotes and leading dashes as text', async () => {
      expect(await textOf('search', { pattern: "= 'x'" })).toBe("src/a.ts:1:const needle = 'x'")
      expect(await textOf('search', { pattern: '-x' })).toBe('[no match]')
    })

    it('says that nothing matches, and what is wrong with a pattern or path', async () => {
      expect(await textOf('search', { pattern: 'absent' })).toBe('[no match]')
      expect(await textOf('search', { pattern: '(' })).toMatch(/unclosed|unmatched|bad regex/i)
      expect(await textOf('search', { pattern: 'x', path: 'nowhere' })).toBe('There is nothing of the name nowhere.')
    })

    it('caps matches and long lines, and what they come to', async () => {
      await put('many.txt', 'hit\n'.repeat(3_000))
      const lines = (await textOf('search', { pattern: 'hit' })).split('\n')
      expect(lines).toHaveLength(201)
      expect(lines.at(-1)).toMatch(/^\[there are more matches/)
      await put('many.txt', `${'hit é '.repeat(5_000)}\n`.repeat(400))
      const text = await textOf('search', { pattern: 'hit' })
      expect(text.length).toBeLessThan(26_000)
      expect(text).not.toContain('\ufffd')
      expect(text.split('\n')[0]).toMatch(/\[29,\d+ more characters\]$/)
      expect(text).toMatch(/there are more matches/)
    })
  })
}
