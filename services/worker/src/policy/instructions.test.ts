import { describe, expect, it } from 'vitest'
import { baseOf } from '../testing/base-files.ts'
import { instructionsFor } from './instructions.ts'

describe('instructionsFor', () => {
  it('gives the root’s AGENTS.md as it is, and CLAUDE.md only where there is no other', () => {
    expect(instructionsFor(baseOf({ 'AGENTS.md': 'Use tabs.\n', 'CLAUDE.md': 'no' }), undefined)).toBe('Use tabs.')
    expect(instructionsFor(baseOf({ 'CLAUDE.md': 'yes' }), undefined)).toBe('yes')
    expect(instructionsFor(baseOf({ 'README.md': 'x' }), undefined)).toBeUndefined()
  })

  it('gives those on the way to the workdir, the nearest last, and names those elsewhere', () => {
    const base = baseOf({
      'AGENTS.md': 'root',
      'packages/api/CLAUDE.md': 'api',
      'packages/web/AGENTS.md': 'web',
      'packages/web/CLAUDE.md': 'web too',
      'tools/CLAUDE.md': 'tools',
    })
    expect(instructionsFor(base, 'packages/api')).toBe(
      '# AGENTS.md\n\nroot\n\n# packages/api/CLAUDE.md\n\napi\n\n' +
        'Further instructions hold in these folders; read them before you change something there:\n' +
        'packages/web/AGENTS.md\ntools/CLAUDE.md',
    )
  })

  it('cuts what is too long with a notice, the nearest file last', () => {
    const base = baseOf({ 'AGENTS.md': 'r'.repeat(30_000), 'api/AGENTS.md': 'a'.repeat(10_000) })
    const text = instructionsFor(base, 'api') ?? ''
    expect(text.length).toBeLessThan(33_000)
    expect(text).toContain('[AGENTS.md goes on for 8000 characters; read the rest there]')
    expect(text).toContain('a'.repeat(10_000))
  })

  it('says of a file that is huge or a link that it is not shown', () => {
    const base = baseOf({})
    const files = new Map([['AGENTS.md', { kind: 'too-large' as const, sizeBytes: 999_999 }]])
    expect(instructionsFor({ ...base, files }, undefined)).toBe(
      '[AGENTS.md has 999999 bytes and is not shown; read it]',
    )
    const link = new Map([['AGENTS.md', { kind: 'link' as const }]])
    expect(instructionsFor({ ...base, files: link }, undefined)).toContain('no regular file')
  })
})
