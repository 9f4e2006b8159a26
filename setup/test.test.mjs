import { describe, expect, it } from 'vitest'
import { filesToTryAgain } from './test.mjs'

const file = (name, status, ...tests) => ({ name, status, assertionResults: tests.map((one) => ({ status: one })) })
const broken = (name) => file(name, 'failed', 'passed', 'failed')

describe('filesToTryAgain', () => {
  it('names the few files of the whole system that failed, in a test or before any', () => {
    const files = [
      broken('/e2e/a.e2e.test.ts'),
      file('/e2e/b.e2e.test.ts', 'failed'),
      file('/x.test.ts', 'passed', 'passed'),
    ]
    expect(filesToTryAgain(files)).toEqual(['/e2e/a.e2e.test.ts', '/e2e/b.e2e.test.ts'])
  })

  it('names none where another test failed too, where many did, and where all is well', () => {
    expect(filesToTryAgain([broken('/e2e/a.e2e.test.ts'), broken('/x.test.ts')])).toEqual([])
    expect(filesToTryAgain(['a', 'b', 'c', 'd'].map((name) => broken(`/e2e/${name}.e2e.test.ts`)))).toEqual([])
    expect(filesToTryAgain([file('/e2e/a.e2e.test.ts', 'passed', 'passed', 'skipped')])).toEqual([])
  })
})
