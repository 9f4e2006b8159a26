import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { renderErrorsPage } from './testing/errors-page.ts'
import { FAILURE_KINDS } from './testing/failure-kinds.ts'

const root = new URL('../../../', import.meta.url)

describe('docs/errors.md', () => {
  it('says what the catalogue says', async () => {
    await expect(renderErrorsPage()).toMatchFileSnapshot(fileURLToPath(new URL('docs/errors.md', root)))
  })

  it.each(FAILURE_KINDS)('names a test that is there for $kind', ({ test: [file, title] }) => {
    expect(readFileSync(new URL(file, root), 'utf8')).toContain(title)
  })
})
