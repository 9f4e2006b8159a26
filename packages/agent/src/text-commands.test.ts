import { describe, expect, it } from 'vitest'
import { parseReply } from './text-commands.ts'

const write = (content: string, signs = 4) => `WRITE_FILE a.txt\n${'<'.repeat(signs)}\n${content}${'>'.repeat(signs)}`

describe('parseReply', () => {
  it.each<[string, string, object]>([
    ['a path', 'READ_FILE src/a b.ts', { name: 'READ_FILE', argument: 'src/a b.ts' }],
    ['tabs and spaces around', '  READ_FILE\t src/a.ts \t', { name: 'READ_FILE', argument: 'src/a.ts' }],
    ['small letters', 'read_file src/a.ts', { name: 'READ_FILE', argument: 'src/a.ts' }],
    ['mixed letters in a name that is no word', 'Write_File a\n<<<<\n>>>>', { name: 'WRITE_FILE', block: '' }],
    ['a colon after the name', 'RUN: npm test', { name: 'RUN', argument: 'npm test' }],
    ['no argument', 'LIST_FILES', { name: 'LIST_FILES', argument: '' }],
    ['blank lines before it', '\n\n \nRUN ls', { name: 'RUN', argument: 'ls' }],
    ['prose before it', 'I look at the tests first.\n\nRUN npm test', { name: 'RUN', argument: 'npm test' }],
    ['a code fence around it', '```text\nRUN ls -l\n```', { name: 'RUN', argument: 'ls -l' }],
    ['ticks around it', '`RUN ls -l`', { name: 'RUN', argument: 'ls -l' }],
    ['Windows line ends', 'WRITE_FILE a\r\n<<<<\r\nx\r\n\r\ny\r\n>>>>\r\n', { block: 'x\n\ny\n' }],
    ['a carriage return in the content alone', 'WRITE_FILE a\n<<<<\nx\r\n>>>>', { block: 'x\r\n' }],
    ['spaces after the delimiters', 'WRITE_FILE a\n<<<<  \nx\n>>>>\t\n', { block: 'x\n' }],
    ['the opening delimiter in its line', 'WRITE_FILE a b <<<<\nx\n>>>>', { argument: 'a b', block: 'x\n' }],
    ['blank lines before the block', 'DONE It\n\n<<<<\nx\n>>>>', { argument: 'It', block: 'x\n' }],
    ['a fence around command and block', '```\nWRITE_FILE a\n<<<<\nx\n>>>>\n```', { block: 'x\n' }],
    ['words after the block', `${write('x\n')}\nThat is it.`, { block: 'x\n' }],
    ['commands inside the content', write('RUN ls\nDONE x\n'), { block: 'RUN ls\nDONE x\n' }],
    ['fences inside the content', write('```js\nx\n```\n'), { block: '```js\nx\n```\n' }],
    ['conflict marks inside the content', write('<<<<<<< a\n>>>>>>> b\n'), { block: '<<<<<<< a\n>>>>>>> b\n' }],
    ['indented delimiters inside', write('  <<<<\n  >>>>\n'), { block: '  <<<<\n  >>>>\n' }],
    ['a pair inside the content', write('<<<<\nx\n>>>>\n'), { block: '<<<<\nx\n>>>>\n' }],
    ['lone delimiters inside a longer pair', write('>>>>\n<<<<\n', 6), { block: '>>>>\n<<<<\n' }],
    ['an empty block', write(''), { block: '' }],
    ['a script', 'RUN\n<<<<\ncd a\nls\n>>>>', { name: 'RUN', argument: '', block: 'cd a\nls\n' }],
  ])('reads a command with %s', (_what, reply, command) => {
    expect(parseReply(reply)).toMatchObject({ kind: 'command', command, ignored: [] })
  })

  it.each([
    ['nothing', ''],
    ['blank lines', ' \n\r\n\t'],
    ['only prose', 'I have finished the work.'],
    ['prose that begins like a command', 'Run the tests and see.\nDone with that.'],
    ['a command in small letters below prose', 'I try:\nrun rm -rf build'],
    ['a longer word', 'RUNNING npm test\nDONE_WITH it'],
    ['only fences', '```\n```'],
  ])('finds no command in %s', (_what, reply) => {
    expect(parseReply(reply)).toEqual({ kind: 'none' })
  })

  it('takes the first of several commands and names the others', () => {
    const reply = `${write('x\n')}\n\nRUN npm test\n${write('<<<<\n>>>>\n')}\nDONE all`
    expect(parseReply(reply)).toMatchObject({
      command: { name: 'WRITE_FILE', block: 'x\n' },
      ignored: ['RUN', 'WRITE_FILE', 'DONE'],
    })
    expect(parseReply('RUN a\nRUN b')).toMatchObject({ command: { argument: 'a' }, ignored: ['RUN'] })
    expect(parseReply(`READ_FILE a\n${write('x\n')}`)).toMatchObject({ ignored: ['WRITE_FILE'] })
  })

  it.each([
    ['has no end', 'WRITE_FILE a\n<<<<\nx\n', /no end/],
    ['has an end of another length', 'WRITE_FILE a\n<<<<<\nx\n>>>>', /no end.*>>>>>/],
    ['has a lone closing line inside', write('x\n>>>>\ny\n'), /not clear where it ends/],
    ['has a lone opening line inside', write('x\n<<<<\ny\n'), /no end/],
    ['closes and opens inside', write('x\n>>>>\ny\n<<<<\nz\n'), /not clear where it ends/],
    ['is followed by a block without an end', `${write('x\n')}\nWRITE_FILE b\n<<<<\ny`, /not clear/],
  ])('refuses a block that %s, saying what to do', (_what, reply, reason) => {
    const parsed = parseReply(reply)
    expect(parsed).toMatchObject({ kind: 'unusable', name: 'WRITE_FILE' })
    expect(parsed).toHaveProperty('reason', expect.stringMatching(reason))
    expect(parsed).toHaveProperty('reason', expect.stringContaining('<<<<<<<<'))
  })

  it.each(['RUN cat > a <<EOF\nhello\nEOF', 'RUN cd x && \\\nrm -rf build', 'RUN ls\nThis lists the files.'])(
    'refuses to run one line of %j',
    (reply) => {
      expect(parseReply(reply)).toMatchObject({ kind: 'unusable', name: 'RUN' })
    },
  )
})

describe('parseReply over many random replies', () => {
  const PIECES = [
    'x',
    '',
    '<<<<',
    '>>>>',
    '<<<<<',
    '>>>>>',
    '```',
    'RUN ls',
    'DONE a',
    'WRITE_FILE b',
    ' >>>>',
    '>>>> z',
  ]
  const random = randomFrom(20_261_122)
  const contents = Array.from({ length: 2_000 }, () =>
    Array.from({ length: Math.floor(random() * 8) }, () => `${PIECES[Math.floor(random() * PIECES.length)]}\n`).join(
      '',
    ),
  )

  it('gives any content back exactly inside a pair that is longer than any inside', () => {
    for (const content of contents)
      expect(parseReply(write(content, 6))).toMatchObject({ kind: 'command', command: { block: content } })
  })

  it('writes no part of a content: whole, refused, or up to what reads as the next command', () => {
    for (const content of contents) {
      const parsed = parseReply(write(content))
      if (parsed.kind !== 'command' || parsed.command.block === content) continue
      // The one thing nobody could tell apart: a lone closing line with a whole command after it.
      const cut = parsed.command.block ?? ''
      expect(content.slice(cut.length)).toMatch(/^>>>>\n/)
      expect(parsed.ignored.length).toBeGreaterThan(0)
    }
  })

  it('never carries out a write that was cut anywhere before its end', () => {
    for (const content of contents.slice(0, 300)) {
      const reply = write(content, 6)
      for (let length = 0; length < reply.length; length += 1) {
        expect(parseReply(reply.slice(0, length))).not.toHaveProperty('command.block')
      }
    }
  })

  it('never throws, whatever is written', () => {
    for (const content of contents) {
      for (const reply of [content, content.replaceAll('\n', '\r\n'), `RUN ${content}`, `DONE\n${content}`])
        expect(() => parseReply(reply)).not.toThrow()
    }
  })

  it('stays fast on a megabyte of delimiters', () => {
    const startedMs = performance.now()
    parseReply(`WRITE_FILE a\n${'<<<<\n'.repeat(200_000)}`)
    parseReply(`${'RUN a\n'.repeat(200_000)}`)
    parseReply(`${'RUN\n\n\n'.repeat(100_000)}`)
    for (const line of ['WRITE_FILE', '```', '`RUN', 'DONE <<<']) parseReply(`${line}${' '.repeat(1_000_000)}<!`)
    expect(performance.now() - startedMs).toBeLessThan(5_000)
  })
})

/** The same numbers every time (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
