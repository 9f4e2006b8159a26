import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadTrajectories, parseTrajectories } from './load-trajectories.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'trajectories-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe('loadTrajectories', () => {
  it('reads YAML and JSON in order of name and fills in defaults', () => {
    writeFileSync(join(directory, 'b.json'), '{"name":"b","match":"two","turns":[{"text":"hi"}]}')
    writeFileSync(
      join(directory, 'a.yaml'),
      'name: a\nmatch: [one, /o+ne/i]\nturns: [{ text: hi, faults: [{ status: 529 }] }]',
    )
    writeFileSync(join(directory, 'notes.md'), 'no trajectory')
    const [first, second] = loadTrajectories(directory)
    expect(first).toMatchObject({ name: 'a', match: ['one', '/o+ne/i'], repeatLast: false })
    expect(first?.turns[0]?.faults).toEqual([{ status: 529, times: 1 }])
    expect(second).toMatchObject({ name: 'b', match: ['two'] })
  })

  it.each([
    ['a folder that is not there', undefined, /cannot be read/],
    ['a folder without any', {}, /holds no trajectory/],
    ['YAML that is none', { 'a.yaml': 'name: [' }, /a\.yaml is not YAML/],
    ['a misspelt key', { 'a.yaml': 'name: a\nmatch: x\nturn: []' }, /a\.yaml is not a trajectory[\s\S]*turn/],
    [
      'two of one name',
      { 'a.yaml': trajectoryNamed('a'), 'b.yaml': trajectoryNamed('a') },
      /two trajectories are named a/,
    ],
    [
      'a placeholder without a capture',
      { 'a.yaml': 'name: a\nmatch: x\nturns: [{ text: "{{id}}" }]' },
      /\{\{id\}\} has no capture/,
    ],
    [
      'a pattern that is none',
      { 'a.yaml': 'name: a\nmatch: x\nturns: [{ expect: "(", text: hi }]' },
      /not a regular expression/,
    ],
  ])('refuses %s', (_title, files: Record<string, string> | undefined, message) => {
    for (const [name, content] of Object.entries(files ?? {})) writeFileSync(join(directory, name), content)
    expect(() => loadTrajectories(files === undefined ? join(directory, 'none') : directory)).toThrow(message)
  })
})

describe('parseTrajectories', () => {
  it('leaves braces that are no placeholder alone', () => {
    const [trajectory] = parseTrajectories([{ name: 'a', match: 'x', turns: [{ text: '{{ id }} {{A}} {{b-c}}' }] }])
    expect(trajectory?.turns[0]?.text).toBe('{{ id }} {{A}} {{b-c}}')
  })
})

function trajectoryNamed(name: string): string {
  return `name: ${name}\nmatch: x\nturns: [{ text: hi }]`
}
