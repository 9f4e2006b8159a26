import { describe, expect, it } from 'vitest'
import { describePaths } from './repository-overview.ts'

describe('describePaths', () => {
  it('names every file of a small repository', () => {
    expect(describePaths(['README.md', 'src/a.ts'])).toBe('README.md\nsrc/a.ts\n(2 files)')
    expect(describePaths([])).toBe('(0 files)')
  })

  it('shows the folders of a large one with their counts, opened as far as there is room', () => {
    const paths = [
      'README.md',
      ...Array.from({ length: 3000 }, (_, n) => `packages/p${n % 30}/src/deep/file-${n}.ts`),
      ...Array.from({ length: 10 }, (_, n) => `tools/t${n}.sh`),
    ]
    const text = describePaths(paths)
    expect(text.length).toBeLessThan(5000)
    expect(text).toContain('packages/ (3000)\n  p0/ (100)\n')
    expect(text).toContain('tools/ (10)\n  t0.sh\n')
    expect(text).toContain('\nREADME.md\n')
    expect(text).toMatch(/\(3011 files\)$/)
  })

  it('opens the workdir before anything else', () => {
    const paths = Array.from({ length: 5000 }, (_, n) => `packages/p${n % 100}/src/file-${n}.ts`)
    expect(describePaths(paths, 'packages/p77/src')).toContain('src/ (50)\n      file-77.ts\n')
    expect(describePaths(paths, 'packages/nowhere')).toContain('packages/ (5000)')
  })

  it('stays short and quick for a folder of thousands, for deep folders, and for names that look like lines', () => {
    const startedMs = performance.now()
    const flat = describePaths(Array.from({ length: 50_000 }, (_, n) => `f${n}`))
    expect(flat).toMatch(/and 49960 more files\n\(50000 files\)$/)
    const many = describePaths(Array.from({ length: 5_000 }, (_, n) => `folder-${n}/a`))
    expect(many).toMatch(/and 4900 more folders/)
    expect(many.length).toBeLessThan(6_000)
    const deep = describePaths(Array.from({ length: 200 }, (_, n) => `${'d/'.repeat(n)}file`))
    expect(deep.length).toBeLessThan(6_000)
    expect(describePaths(['a\nb'])).toBe('a?b\n(1 file)')
    expect(performance.now() - startedMs).toBeLessThan(1500)
  })
})
