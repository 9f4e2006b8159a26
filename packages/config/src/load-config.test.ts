import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DevBotError } from '@devbot/contracts'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { integerVariable, listVariable, loadConfig, numberVariable, secretVariable } from './load-config.ts'
import { sharedVariables } from './settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'devbot-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const table = {
  repository: sharedVariables.repository,
  allowed: sharedVariables.allowedRepositories,
  turns: integerVariable('MAX_TURNS', { min: 1, max: 1000, default: 100 }),
  cost: numberVariable('MAX_COST_USD', { min: 0.01, max: 1000, default: 10 }),
  key: secretVariable('API_KEY', { minLength: 8, expected: 'expected a key of 8 characters or more' }),
}

function problemsOf(env: Record<string, string>): string {
  try {
    loadConfig(env, table)
  } catch (error) {
    if (error instanceof DevBotError && error.category === 'config') return error.message
    throw error
  }
  throw new Error('expected a config error')
}

describe('loadConfig', () => {
  it('gives typed values with defaults when only the required variables are set', () => {
    const config = loadConfig({ REPO_NAME: 'octo/hello', API_KEY: 'abcdefgh', MAX_TURNS: '' }, table)
    expect(config).toMatchObject({ repository: 'octo/hello', allowed: [], turns: 100, cost: 10 })
    expect(config.key.reveal()).toBe('abcdefgh')
  })

  it('names every bad variable at once and prints no value', () => {
    const message = problemsOf({
      MAX_TURNS: 'many-9f8e',
      MAX_COST_USD: '-1',
      API_KEY: 'sh0rt',
      ALLOWED_REPOS: 'a/b,nonsense-7d',
    })
    for (const name of ['REPO_NAME', 'MAX_TURNS', 'MAX_COST_USD', 'API_KEY', 'ALLOWED_REPOS'])
      expect(message).toContain(name)
    expect(message).toContain('expected owner/name')
    for (const value of ['many-9f8e', 'sh0rt', 'nonsense-7d', '-1']) expect(message).not.toContain(value)
  })

  it('reads a secret from the file that NAME_FILE names and again after a rotation', () => {
    const file = join(folder, 'key')
    writeFileSync(file, 'first-value\n')
    const { key } = loadConfig({ REPO_NAME: 'a/b', API_KEY_FILE: file }, table)
    expect(key.reveal()).toBe('first-value')
    writeFileSync(file, 'second-value\n')
    expect(key.refresh()).toBe(true)
    expect(key.reveal()).toBe('second-value')
  })

  it('refuses a secret that is set twice, and one whose file cannot be read', () => {
    const file = join(folder, 'absent')
    expect(problemsOf({ REPO_NAME: 'a/b', API_KEY: 'abcdefgh', API_KEY_FILE: file })).toContain(
      'both as API_KEY and API_KEY_FILE',
    )
    expect(problemsOf({ REPO_NAME: 'a/b', API_KEY_FILE: file })).toMatch(/API_KEY_FILE names cannot be read \(ENOENT\)/)
  })

  it('splits lists and checks each part', () => {
    const list = { list: listVariable('LIST', z.string().min(3)) }
    expect(loadConfig({ LIST: ' one, two ,' }, list).list).toEqual(['one', 'two'])
  })
})

describe('shared variables', () => {
  it('accepts a branch prefix that ends with a slash and refuses others', () => {
    expect(loadConfig({ BRANCH_PREFIX: 'bots/devbot/' }, { prefix: sharedVariables.branchPrefix }).prefix).toBe(
      'bots/devbot/',
    )
    expect(() => loadConfig({ BRANCH_PREFIX: 'agent' }, { prefix: sharedVariables.branchPrefix })).toThrow(
      'BRANCH_PREFIX',
    )
    expect(() => loadConfig({ BRANCH_PREFIX: '../' }, { prefix: sharedVariables.branchPrefix })).toThrow(
      'BRANCH_PREFIX',
    )
  })
})
