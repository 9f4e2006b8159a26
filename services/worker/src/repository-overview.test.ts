import { describe, expect, it } from 'vitest'
import { describePaths } from './repository-overview.ts'

describe('describePaths', () => {
  it('names every file of a small repository, those with the same ending together', () => {
    const paths = ['.env.example', '.gitignore', 'README.md', 'src/a.ts', 'src/b.ts', 'src/c.ts', 'src/x/one.test.ts']
    expect(describePaths(paths)).toBe(
      '{.env.example,.gitignore,README.md}\nsrc/{a,b,c}.ts\nsrc/x/one.test.ts\n(7 files)',
    )
    expect(describePaths(['README.md'])).toBe('README.md\n(1 file)')
    expect(describePaths([])).toBe('(0 files)')
  })

  it('shows the folders of a large one with their counts, opened as far as there is room', () => {
    const paths = [
      'README.md',
      ...Array.from({ length: 3000 }, (_, n) => `packages/p${n % 30}/src/deep/file-${n}.ts`),
      ...Array.from({ length: 10 }, (_, n) => `tools/t${n}.sh`),
    ]
    const text = describePaths(paths)
    expect(text.length).toBeLessThan(2_500)
    expect(text).toContain('packages/p0/src/deep/ (100)\n')
    expect(text).toContain('tools/{t0,t1,t2,t3,t4,t5,t6,t7,t8,t9}.sh\n')
    expect(text).toMatch(/^README\.md\n/)
    expect(text).toMatch(/\(3011 files\)$/)
  })

  it('opens the workdir before anything else', () => {
    const paths = Array.from({ length: 5000 }, (_, n) => `packages/p${n % 100}/src/file-${n}.ts`)
    expect(describePaths(paths, 'packages/p77/src')).toContain('packages/p77/src/{file-77,file-177,')
    expect(describePaths(paths, 'packages/nowhere')).toContain('packages/{p')
  })

  it('stays short and quick for a folder of thousands, for deep folders, and for names that look like lines', () => {
    const startedMs = performance.now()
    const flat = describePaths(Array.from({ length: 50_000 }, (_, n) => `f${n}`))
    expect(flat).toMatch(/and 49960 more files\n\(50000 files\)$/)
    const many = describePaths(Array.from({ length: 5_000 }, (_, n) => `folder-${n}/a`))
    expect(many).toMatch(/and \d+ more folders/)
    expect(many.length).toBeLessThan(6_000)
    const deep = describePaths(Array.from({ length: 200 }, (_, n) => `${'d/'.repeat(n)}file`))
    expect(deep.length).toBeLessThan(6_000)
    expect(describePaths(['a\nb'])).toBe('a?b\n(1 file)')
    expect(describePaths(['a,b c', 'd"e'])).toBe('{"a,b c","d\\"e"}\n(2 files)')
    expect(performance.now() - startedMs).toBeLessThan(1500)
  })
})
