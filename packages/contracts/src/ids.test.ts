import { describe, expect, it } from 'vitest'
import { planHashFor, repositoryNameSchema, taskIdFor, taskIdSchema } from './ids.ts'

const identity = { repository: 'octo-org/hello', planPath: 'a.md', generation: 1 }

describe('taskIdFor', () => {
  it('gives the same well-formed id for the same task, whatever the case of the repository', () => {
    const id = taskIdFor(identity)
    expect(taskIdSchema.safeParse(id).success).toBe(true)
    expect(taskIdFor({ ...identity, repository: 'Octo-Org/Hello' })).toBe(id)
  })

  it.each([
    { ...identity, repository: 'octo-org/other' },
    { ...identity, planPath: 'A.md' },
    { ...identity, generation: 2 },
  ])('gives another id for %j', (changed) => {
    expect(taskIdFor(changed)).not.toBe(taskIdFor(identity))
  })
})

describe('planHashFor', () => {
  it('is the same for a text and its UTF-8 bytes', () => {
    expect(planHashFor('é')).toBe(planHashFor(new TextEncoder().encode('é')))
    expect(planHashFor('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  })
})

describe('repositoryNameSchema', () => {
  it.each(['octo-org/hello', 'a/b', 'A1/.github', 'a/x_y.z-1'])('accepts %s', (name) => {
    expect(repositoryNameSchema.safeParse(name).success).toBe(true)
  })

  it.each([
    'hello',
    'a/b/c',
    '/b',
    'a/',
    'a/..',
    'a/.',
    '-a/b',
    'a b/c',
    'a/b c',
    'https://x/y',
    '../etc',
    'a/b\n',
    `${'a'.repeat(40)}/b`,
  ])('refuses %j', (name) => {
    expect(repositoryNameSchema.safeParse(name).success).toBe(false)
  })
})
