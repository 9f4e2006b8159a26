import { readFileSync } from 'node:fs'
import { parseCustomHeaders, parsePrices } from '@devbot/agent'
import {
  type ConfigOf,
  type Environment,
  integerVariable,
  listVariable,
  optionalSecretVariable,
  optionalVariable,
  type Secret,
  type Variable,
  VariableProblem,
  variable,
} from '@devbot/config'
import { DevBotError } from '@devbot/contracts'
import { parse } from 'yaml'
import { z } from 'zod'

/** How the model's endpoint is convinced: by the vendor's kind of key, or by a token as gateways want it. */
export type ModelCredential = { readonly kind: 'key' | 'token'; readonly secret: Secret }

const CREDENTIAL = { minLength: 8, expected: "expected the model provider's API key" }
const apiKey = optionalSecretVariable('ANTHROPIC_API_KEY', CREDENTIAL)
const authToken = optionalSecretVariable('ANTHROPIC_AUTH_TOKEN', {
  ...CREDENTIAL,
  expected: "expected the gateway's token",
})

const modelCredential: Variable<ModelCredential> = {
  name: 'ANTHROPIC_API_KEY',
  read: (env) => {
    const key = apiKey.read(env)
    const token = authToken.read(env)
    if (key !== undefined && token !== undefined)
      throw new VariableProblem('ANTHROPIC_AUTH_TOKEN is set as well; keep one of them')
    if (key !== undefined) return { kind: 'key', secret: key }
    if (token !== undefined) return { kind: 'token', secret: token }
    throw new VariableProblem(
      "missing; expected the model provider's API key (or ANTHROPIC_API_KEY_FILE with a file's path, or ANTHROPIC_AUTH_TOKEN for a gateway)",
    )
  },
}

const ENDPOINT = 'expected an http or https address without user, query or fragment'
const endpointUrl = z
  .url({ protocol: /^https?$/, error: ENDPOINT })
  .refine((text) => !/[?#]/.test(text) && new URL(text).username === '' && new URL(text).password === '', ENDPOINT)

const headersText = optionalSecretVariable('ANTHROPIC_CUSTOM_HEADERS', { expected: 'expected lines Name: value' })
const customHeaders: Variable<Secret | undefined> = {
  name: 'ANTHROPIC_CUSTOM_HEADERS',
  read: (env) => {
    const secret = headersText.read(env)
    asProblem(() => parseCustomHeaders(secret?.reveal() ?? ''))
    return secret
  },
}

/** A secret, because its address may hold a password. The small letters are what other programs read first. */
function proxyVariable(name: 'HTTPS_PROXY' | 'HTTP_PROXY'): Variable<Secret | undefined> {
  const secret = optionalSecretVariable(name, { expected: 'expected http://host:port' })
  return {
    name,
    read: (env) => {
      const found = secret.read({ ...env, [name]: eitherCase(env, name) })
      if (found !== undefined && !isProxyAddress(found.reveal()))
        throw new VariableProblem(
          'malformed; expected http://host:port or http://user:password@host:port, a % in a password written as %25',
        )
      return found
    },
  }
}

function isProxyAddress(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return false
  try {
    decodeURIComponent(`${url.username}${url.password}`)
    return true
  } catch {
    // A bare % in it: whoever sends the password could not tell what it stands for.
    return false
  }
}

const noProxy = optionalVariable('NO_PROXY', z.string().max(10_000))

const modelId = z.string().regex(/^[\w./:@-]{1,100}$/, 'expected a model id like claude-sonnet-5-5')

/** What the worker knows of the model: where it is, how to get at it, what it is asked for, what it costs. */
export const modelVariables = {
  modelCredential,
  anthropicBaseUrl: variable('ANTHROPIC_BASE_URL', endpointUrl, 'https://api.anthropic.com'),
  customHeaders,
  httpsProxy: proxyVariable('HTTPS_PROXY'),
  httpProxy: proxyVariable('HTTP_PROXY'),
  noProxy: {
    name: 'NO_PROXY',
    read: (env: Environment) => noProxy.read({ NO_PROXY: eitherCase(env, 'NO_PROXY') }),
  },
  model: variable('DEVBOT_MODEL', modelId, 'claude-sonnet-5-5'),
  fallbackModel: optionalVariable('DEVBOT_FALLBACK_MODEL', modelId),
  modelsAllowed: listVariable('MODELS_ALLOWED', modelId),
  protocol: variable('DEVBOT_PROTOCOL', z.enum(['native', 'text'], 'expected native or text'), 'native'),
  effort: optionalVariable(
    'DEVBOT_EFFORT',
    z.enum(['low', 'medium', 'high', 'xhigh', 'max'], 'expected low, medium, high, xhigh or max'),
  ),
  thinking: variable('DEVBOT_THINKING', z.enum(['adaptive', 'off'], 'expected adaptive or off'), 'adaptive'),
  maxOutputTokens: integerVariable('DEVBOT_MAX_OUTPUT_TOKENS', { min: 1_024, max: 128_000, default: 32_000 }),
  modelPrices: {
    name: 'MODEL_PRICES_FILE',
    read: (env: Environment) => readPrices(env.MODEL_PRICES_FILE?.trim()),
  },
} as const

export type ModelSettings = ConfigOf<typeof modelVariables>

/** What is wrong between these settings, one finding each. */
export function modelSettingProblems(settings: ModelSettings): readonly string[] {
  const { model, fallbackModel, modelsAllowed, effort, thinking } = settings
  const problems: string[] = []
  if (modelsAllowed.length > 0 && !modelsAllowed.includes(model))
    problems.push('DEVBOT_MODEL: not in MODELS_ALLOWED; add it there or choose one of them')
  if (fallbackModel !== undefined && fallbackModel === model)
    problems.push('DEVBOT_FALLBACK_MODEL: the same as DEVBOT_MODEL; expected another model, or none')
  else if (fallbackModel !== undefined && !modelsAllowed.includes(fallbackModel))
    problems.push('DEVBOT_FALLBACK_MODEL: not in MODELS_ALLOWED; add it there')
  if (thinking === 'off' && (effort === 'xhigh' || effort === 'max'))
    problems.push('DEVBOT_THINKING: off goes with DEVBOT_EFFORT low, medium or high only; models refuse it with more')
  return problems
}

function eitherCase(env: Environment, name: string): string | undefined {
  const upper = env[name]?.trim()
  return upper === undefined || upper === '' ? env[name.toLowerCase()] : upper
}

function readPrices(path: string | undefined) {
  if (path === undefined || path === '') return []
  return asProblem(() => parsePrices(parseYaml(readText(path)), path))
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    throw new VariableProblem(`the file cannot be read (${code})`)
  }
}

/** JSON is YAML, too. */
function parseYaml(text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    throw new VariableProblem(
      `the file is neither YAML nor JSON: ${error instanceof Error ? error.message : 'unknown'}`,
    )
  }
}

/** Errors of the agent's parsers say what was expected and hold no value. */
function asProblem<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof DevBotError)) throw error
    throw new VariableProblem(error.message.replace(/^(MODEL_PRICES_FILE: |ANTHROPIC_CUSTOM_HEADERS, )/, ''))
  }
}
