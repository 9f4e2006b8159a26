import { describe, expect, it } from 'vitest'
import { differences } from './differences.ts'
import { withoutParticulars } from './without-particulars.ts'

const report = (name: string, rows: readonly string[]) =>
  `cost_usd: 0.${name.length}\nTask t0123456789a${name.length % 10} of ${name}.md, 0.13 US dollars, in 3.1 s\n\n| a | b |\n| --- | --- |\n${rows.join('\n')}\n\nEnd`

describe('texts of two plans', () => {
  it('are the same without names, times, costs and the order of feedback', () => {
    const one = withoutParticulars(report('m1', ['| x | y |', '| v | w |']), 'm1')
    expect(withoutParticulars(report('m22', ['| v | w |', '| x | y |']), 'm22')).toBe(one)
  })

  it('differ in a line that only one has', () => {
    expect(differences('', { body: 'a\nb' }, { body: 'a\nc' })).toEqual(['/body: -b | +c'])
    expect(differences('', { body: 'a\na' }, { body: 'a' })).toHaveLength(1)
    expect(differences('', ['x'], ['x', 'y'])).toEqual(['/1: undisturbed undefined, here "y"'])
  })
})
