import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EXIT } from '../exit-codes.ts'
import { createOutput } from '../output.ts'
import { validatePlan } from './plan-commands.ts'

describe('devbot validate', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'devbot-validate-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const validate = async (name: string, text: string) => {
    const file = join(folder, name)
    await writeFile(file, text)
    let said = ''
    const output = createOutput(false, (part) => {
      said += part
    })
    return { exit: await validatePlan(output, file), said: said.replaceAll(folder, '') }
  }

  it.each(['.devbot.yml', '.devbot.yaml'])('takes %s for a policy', async (name) => {
    expect(await validate(name, 'test: npm test\n')).toEqual({ exit: EXIT.done, said: `/${name} is a valid policy\n` })
  })

  it('says of a policy on which line what is wrong, and what would be right', async () => {
    const { exit, said } = await validate('.devbot.yml', 'limits:\n  max_turn: 5\n')
    expect(exit).toBe(EXIT.badInput)
    expect(said).toBe(
      '/.devbot.yml:2: limits.max_turn: expected a key that DevBot knows, found `max_turn`, which looks like a misspelt `max_turns`\n' +
        '    Write `max_turns`.\n    limits: { max_turns: 5 }\n1 problem\n',
    )
  })

  it('still takes every other file for a plan', async () => {
    expect((await validate('plan.md', '# Do it\n\nNow.\n')).said).toContain('is a valid plan: "Do it"')
    await expect(validate('other.yml', 'a: 1')).rejects.toMatchObject({ code: 'plan-name' })
  })
})
