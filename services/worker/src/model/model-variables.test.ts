import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DevBotError } from '@devbot/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadWorkerConfig } from '../config.ts'

const REQUIRED = { REPO_NAME: 'octo-org/hello', ANTHROPIC_API_KEY: 'key-of-the-model', GITHUB_TOKEN: 'token-of-github' }
const load = (env: Readonly<Record<string, string>>) => loadWorkerConfig({ ...REQUIRED, ...env })
const problemOf = (env: Readonly<Record<string, string>>): string => {
  try {
    load(env)
  } catch (error) {
    if (error instanceof DevBotError && error.category === 'config') return error.message
    throw error
  }
  return 'no error'
}

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'model-variables-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const file = (name: string, text: string) => {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

describe("the model's settings", () => {
  it('have the documented defaults', () => {
    expect(load({})).toMatchObject({
      modelCredential: { kind: 'key' },
      anthropicBaseUrl: 'https://api.anthropic.com',
      customHeaders: undefined,
      httpsProxy: undefined,
      model: 'claude-sonnet-5-5',
      fallbackModel: undefined,
      protocol: 'native',
      effort: undefined,
      thinking: 'adaptive',
      maxOutputTokens: 32_000,
      modelPrices: [],
    })
  })

  it("take a gateway's token instead of a key, and one of them only", () => {
    const token = { ANTHROPIC_API_KEY: '', ANTHROPIC_AUTH_TOKEN: 'token-of-the-gateway' }
    expect(load(token).modelCredential).toMatchObject({ kind: 'token' })
    expect(problemOf({ ANTHROPIC_AUTH_TOKEN: 'token-of-the-gateway' })).toContain('keep one of them')
    expect(problemOf({ ANTHROPIC_API_KEY: '' })).toMatch(/ANTHROPIC_API_KEY: missing.*ANTHROPIC_AUTH_TOKEN/)
  })

  it("take a gateway's names of models", () => {
    expect(load({ DEVBOT_MODEL: 'anthropic/claude-sonnet-5.5@eu' }).model).toBe('anthropic/claude-sonnet-5.5@eu')
  })

  it('read headers from a variable over several lines, or from a file', () => {
    expect(load({ ANTHROPIC_CUSTOM_HEADERS: 'X-A: 1\nX-B: 2' }).customHeaders?.reveal()).toBe('X-A: 1\nX-B: 2')
    expect(load({ ANTHROPIC_CUSTOM_HEADERS_FILE: file('headers', 'X-A: 1\n') }).customHeaders?.reveal()).toBe('X-A: 1')
  })

  it('read the proxy in capital or small letters', () => {
    const proxy = 'http://user:pass@proxy.example.test:3128'
    expect(load({ HTTPS_PROXY: proxy }).httpsProxy?.reveal()).toBe(proxy)
    expect(load({ HTTPS_PROXY: '', https_proxy: proxy, no_proxy: '.test' })).toMatchObject({ noProxy: '.test' })
    expect(load({ HTTPS_PROXY: '', https_proxy: proxy }).httpsProxy?.reveal()).toBe(proxy)
  })

  it('read prices from YAML or JSON', () => {
    const row = {
      model: 'gw/large',
      input: 3,
      output: 9,
      cache_write: 3,
      cache_read: 1,
      source: 's',
      date: '2026-11-01',
    }
    const yaml =
      'models:\n  - { model: gw/large, input: 3, output: 9, cache_write: 3, cache_read: 1, source: s, date: "2026-11-01" }\n'
    for (const path of [file('prices.yaml', yaml), file('prices.json', JSON.stringify({ models: [row] }))])
      expect(load({ MODEL_PRICES_FILE: path }).modelPrices).toMatchObject([{ model: 'gw/large', cacheWrite: 3 }])
  })

  it.each([
    ['ANTHROPIC_BASE_URL', 'https://user:wrong-secret@gw.example.test', /without user/],
    ['ANTHROPIC_BASE_URL', 'https://gw.example.test/?key=wrong-secret', /query/],
    ['ANTHROPIC_BASE_URL', 'ftp://wrong-secret', /http or https/],
    ['ANTHROPIC_CUSTOM_HEADERS', 'X-Team wrong-secret', /line 1/],
    ['ANTHROPIC_CUSTOM_HEADERS', 'X-A: 1\nAuthorization: wrong-secret', /line 2/],
    ['HTTPS_PROXY', 'socks5://wrong-secret:1', /http:\/\/host:port/],
    ['HTTPS_PROXY', 'http://user:wrong-secret%@proxy.example.test:3128', /%25/],
    ['HTTP_PROXY', 'wrong-secret', /http:\/\/host:port/],
    ['DEVBOT_MODEL', 'wrong secret', /model id/],
    ['DEVBOT_FALLBACK_MODEL', 'wrong secret', /model id/],
    ['DEVBOT_PROTOCOL', 'wrong-secret', /native or text/],
    ['DEVBOT_EFFORT', 'wrong-secret', /low, medium, high, xhigh or max/],
    ['DEVBOT_THINKING', 'wrong-secret', /adaptive or off/],
    ['DEVBOT_MAX_OUTPUT_TOKENS', '128001', /1024 to 128000/],
    ['MODEL_PRICES_FILE', '/nowhere/wrong', /ENOENT/],
  ])('name %s when it is malformed, what was expected, and no value', (name, value, expected) => {
    const problem = problemOf({ [name]: value })
    expect(problem).toMatch(new RegExp(`${name}: .*`))
    expect(problem).toMatch(expected)
    expect(problem).not.toMatch(/wrong.secret/)
  })

  it('name the place in a file of prices that is wrong', () => {
    const path = file('bad.yaml', 'models:\n  - { model: gw/large, input: -3 }\n')
    expect(problemOf({ MODEL_PRICES_FILE: path })).toMatch(/MODEL_PRICES_FILE: .*bad\.yaml[\s\S]*models\[0\]\.input/)
    expect(problemOf({ MODEL_PRICES_FILE: file('worse.yaml', 'a: [') })).toContain('neither YAML nor JSON')
  })

  it.each([
    [{ DEVBOT_FALLBACK_MODEL: 'claude-haiku-5-5' }, /DEVBOT_FALLBACK_MODEL: not in MODELS_ALLOWED/],
    [{ DEVBOT_FALLBACK_MODEL: 'claude-sonnet-5-5' }, /the same as DEVBOT_MODEL/],
    [{ MODELS_ALLOWED: 'claude-haiku-5-5' }, /DEVBOT_MODEL: not in MODELS_ALLOWED/],
    [{ DEVBOT_THINKING: 'off', DEVBOT_EFFORT: 'max' }, /DEVBOT_THINKING: off goes with/],
  ])('refuse %j together', (env, expected) => {
    expect(problemOf(env)).toMatch(expected)
  })

  it('take a second model that is allowed', () => {
    const env = { DEVBOT_FALLBACK_MODEL: 'claude-haiku-5-5', MODELS_ALLOWED: 'claude-sonnet-5-5,claude-haiku-5-5' }
    expect(load(env).fallbackModel).toBe('claude-haiku-5-5')
  })
})
