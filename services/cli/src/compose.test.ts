import { expect, it } from 'vitest'
import { composeArguments } from './compose.ts'

it('hands a command to the cli container of the project, with a terminal only where there is one', () => {
  const apart = composeArguments('devbot', ['--json', 'tasks'], false)
  expect(apart).toEqual(expect.arrayContaining(['--project-name', 'devbot', '--no-deps', '--no-TTY']))
  expect(apart.slice(-3)).toEqual(['cli', '--json', 'tasks'])
  expect(composeArguments('devbot', ['tasks'], true)).not.toContain('--no-TTY')
})
