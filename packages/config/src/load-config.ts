import { DevBotError } from '@devbot/contracts'
import { z } from 'zod'
import { Secret } from './secret.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** One environment variable: its name and how its text becomes a value. */
export type Variable<T> = { readonly name: string; readonly read: (env: Environment) => T }

export type VariableTable = Readonly<Record<string, Variable<unknown>>>
export type ConfigOf<Table extends VariableTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Variable<infer T> ? T : never
}

/** What is wrong with one variable, for a `Variable` of a service's own; never holds its value. */
export class VariableProblem extends Error {}

/**
 * Reads all variables of a service at once. Throws one DevBotError of category `config` that names every variable that
 * is missing or malformed and says what was expected; no value is ever printed. An empty variable counts as absent,
 * because that is what compose passes for an unset one.
 */
export function loadConfig<Table extends VariableTable>(env: Environment, table: Table): ConfigOf<Table> {
  const values: Record<string, unknown> = {}
  const problems: string[] = []
  for (const [key, variable] of Object.entries(table)) {
    try {
      values[key] = variable.read(env)
    } catch (error) {
      if (!(error instanceof VariableProblem)) throw error
      problems.push(`${variable.name}: ${error.message}`)
    }
  }
  if (problems.length > 0) throw configError(problems)
  return values as ConfigOf<Table>
}

/** One variable alone. Throws as `loadConfig` does. */
export function readVariable<T>(env: Environment, variable: Variable<T>): T {
  try {
    return variable.read(env)
  } catch (error) {
    if (!(error instanceof VariableProblem)) throw error
    throw configError([`${variable.name}: ${error.message}`])
  }
}

/** The error that names everything wrong with the settings, one finding a line. */
export function configError(problems: readonly string[]): DevBotError {
  return new DevBotError({
    category: 'config',
    code: 'config-invalid',
    message: `${problems.length} setting${problems.length === 1 ? '' : 's'} must be mended (see .env.example):\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
  })
}

/** A variable whose text is checked by a zod schema. With a default it is optional. */
export function variable<Schema extends z.ZodType>(
  name: string,
  schema: Schema,
  defaultText?: string,
): Variable<z.output<Schema>> {
  return { name, read: (env) => parseText(schema, presentText(env, name) ?? defaultText) }
}

/** A variable that may be absent. */
export function optionalVariable<Schema extends z.ZodType>(
  name: string,
  schema: Schema,
): Variable<z.output<Schema> | undefined> {
  return {
    name,
    read: (env) => {
      const text = presentText(env, name)
      return text === undefined ? undefined : parseText(schema, text)
    },
  }
}

/** A whole number within bounds. */
export function integerVariable(
  name: string,
  bounds: { readonly min: number; readonly max: number; readonly default: number },
): Variable<number> {
  const expected = `expected a whole number from ${bounds.min} to ${bounds.max}`
  const schema = z
    .string()
    .regex(/^\d{1,15}$/, expected)
    .transform(Number)
    .refine((value) => value >= bounds.min && value <= bounds.max, expected)
  return variable(name, schema, String(bounds.default))
}

/** A number of dollars or minutes, with decimals. */
export function numberVariable(
  name: string,
  bounds: { readonly min: number; readonly max: number; readonly default: number },
): Variable<number> {
  const expected = `expected a number from ${bounds.min} to ${bounds.max}, like 2.5`
  const schema = z
    .string()
    .regex(/^\d{1,12}(\.\d{1,6})?$/, expected)
    .transform(Number)
    .refine((value) => value >= bounds.min && value <= bounds.max, expected)
  return variable(name, schema, String(bounds.default))
}

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

/** A number of bytes, as Docker writes sizes: `512m`, `2g`. */
export function sizeVariable(
  name: string,
  bounds: { readonly minBytes: number; readonly default: string },
): Variable<number> {
  const expected = `expected a size like 512m or 2g, ${bounds.minBytes} bytes or more`
  const schema = z
    .string()
    .regex(/^\d{1,15}[kmgt]?b?$/i, expected)
    .transform((text) => Number.parseInt(text, 10) * (SIZE_UNITS[text.replace(/[\db]/gi, '').toLowerCase()] ?? 1))
    .refine((bytes) => bytes >= bounds.minBytes && Number.isSafeInteger(bytes), expected)
  return variable(name, schema, bounds.default)
}

/** A comma-separated list, each part checked by the schema; empty parts are left out. */
export function listVariable<Schema extends z.ZodType>(
  name: string,
  schema: Schema,
  defaultText = '',
): Variable<readonly z.output<Schema>[]> {
  return {
    name,
    read: (env) =>
      (presentText(env, name) ?? defaultText)
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '')
        .map((part) => parseText(schema, part)),
  }
}

export type SecretRules = { readonly minLength?: number; readonly expected: string }

/** A secret from `NAME` or, better, from the file that `NAME_FILE` names. */
export function secretVariable(name: string, rules: SecretRules): Variable<Secret> {
  return {
    name,
    read: (env) => {
      const secret = readSecret(env, name, rules)
      if (secret === undefined)
        throw new VariableProblem(`missing; ${rules.expected} (or ${name}_FILE with a file's path)`)
      return secret
    },
  }
}

/** As `secretVariable`, for one that may be absent. */
export function optionalSecretVariable(name: string, rules: SecretRules): Variable<Secret | undefined> {
  return { name, read: (env) => readSecret(env, name, rules) }
}

function readSecret(env: Environment, name: string, rules: SecretRules): Secret | undefined {
  const text = presentText(env, name)
  const file = presentText(env, `${name}_FILE`)
  if (text !== undefined && file !== undefined)
    throw new VariableProblem(`set both as ${name} and ${name}_FILE; keep one of them`)
  if (text === undefined && file === undefined) return undefined
  const secret = file === undefined ? Secret.of(text ?? '') : secretFromFile(name, file)
  if (secret.reveal().length < (rules.minLength ?? 1)) throw new VariableProblem(`too short; ${rules.expected}`)
  return secret
}

function secretFromFile(name: string, path: string): Secret {
  try {
    return Secret.fromFile(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    throw new VariableProblem(`the file that ${name}_FILE names cannot be read (${code})`)
  }
}

function presentText(env: Environment, name: string): string | undefined {
  const text = env[name]?.trim()
  return text === '' ? undefined : text
}

function parseText<Schema extends z.ZodType>(schema: Schema, text: string | undefined): z.output<Schema> {
  const result = schema.safeParse(text, { reportInput: false })
  if (result.success) return result.data
  const expected = [...new Set(result.error.issues.map((issue) => issue.message))].join('; ')
  throw new VariableProblem(text === undefined ? `missing; ${missingHint(schema)}` : `malformed; ${expected}`)
}

/** What a missing variable should have looked like: the schema's own word on a text that is certainly wrong. */
function missingHint(schema: z.ZodType): string {
  const probe = schema.safeParse('')
  return probe.success ? 'expected a value' : (probe.error.issues[0]?.message ?? 'expected a value')
}
