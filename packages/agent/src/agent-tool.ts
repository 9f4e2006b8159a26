import { DevBotError } from '@devbot/contracts'
import { z } from 'zod'
import type { ToolOffer } from './model-client.ts'
import type { Workspace } from './ports.ts'

export type ToolContext = { readonly workspace: Workspace; readonly signal: AbortSignal }
export type ToolOutcome = { readonly kind: 'ok' | 'error'; readonly text: string }

/** A call whose input was checked: what it is in one line for people, and its doing. */
export type PreparedCall = {
  readonly kind: 'ready'
  readonly detail: string
  /** Files it changes where it succeeds. */
  readonly changes: readonly string[]
  /** What cannot be done is an `error` outcome. Throws only what makes the whole run impossible (a dead sandbox). */
  run(context: ToolContext): Promise<ToolOutcome>
}
export type InvalidInput = { readonly kind: 'invalid'; readonly message: string }

/** A tool of the agent. It works in the sandbox only, through the workspace it is given. */
export type AgentTool = {
  readonly offer: ToolOffer
  /** Changes nothing, so that such calls of one reply may run together. */
  readonly readOnly: boolean
  /** Done again on the same files it gives the same, and reaches nothing else. */
  readonly repeatable: boolean
  prepare(input: unknown): PreparedCall | InvalidInput
}

export type ToolDefinition<Schema extends z.ZodType> = {
  readonly name: string
  readonly description: string
  readonly input: Schema
  readonly readOnly: boolean
  /** Done again on the same files it gives the same, and reaches nothing else; what only reads always is. */
  readonly repeatable?: boolean
  readonly detail: (input: z.output<Schema>) => string
  /** Files it changes where it succeeds, for the list of changed files that outlives a compaction. */
  readonly changes?: (input: z.output<Schema>) => readonly string[]
  readonly run: (input: z.output<Schema>, context: ToolContext) => Promise<ToolOutcome>
}

/** Makes a tool of a definition whose input type then is known only inside. */
export function defineTool<Schema extends z.ZodType>(definition: ToolDefinition<Schema>): AgentTool {
  const { name, input: schema } = definition
  return {
    offer: offerFor(definition),
    readOnly: definition.readOnly,
    repeatable: definition.readOnly || definition.repeatable === true,
    prepare(input) {
      const parsed = schema.safeParse(input)
      if (!parsed.success) return { kind: 'invalid', message: invalidInputMessage(name, parsed.error) }
      return {
        kind: 'ready',
        detail: oneLine(definition.detail(parsed.data)),
        changes: definition.changes?.(parsed.data) ?? [],
        run: (context) => definition.run(parsed.data, context),
      }
    },
  }
}

export function offerFor(tool: {
  readonly name: string
  readonly description: string
  readonly input: z.ZodType
}): ToolOffer {
  return { name: tool.name, description: tool.description, inputSchema: jsonSchemaFor(tool.input) }
}

/** Texts, lists and numbers beyond these are bounded too, but no reply comes near: their bounds only cost tokens. */
const TELLING = { length: 300, items: 20, number: 5_000 }

/**
 * The JSON schema of an input, without what only costs tokens in every request: the dialect, that there is nothing else,
 * bounds that nobody reaches, and bounds and defaults that go without saying. The tool still refuses what is beyond, and
 * says so.
 */
function jsonSchemaFor(schema: z.ZodType): ToolOffer['inputSchema'] {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      if (goesWithoutSaying(jsonSchema.default) || jsonSchema.default === jsonSchema.maximum) delete jsonSchema.default
      if (jsonSchema.maximum !== undefined && jsonSchema.maximum > TELLING.number) delete jsonSchema.maximum
      if (jsonSchema.minimum !== undefined && jsonSchema.minimum <= 1) delete jsonSchema.minimum
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
      if (jsonSchema.minLength === 1) delete jsonSchema.minLength
      if (jsonSchema.maxLength !== undefined && jsonSchema.maxLength > TELLING.length) delete jsonSchema.maxLength
      if (jsonSchema.maxItems !== undefined && jsonSchema.maxItems > TELLING.items) delete jsonSchema.maxItems
    },
  })
  if (rest.type !== 'object') {
    throw new DevBotError({
      category: 'bug',
      code: 'tool-input-not-object',
      message: 'Expected a tool input schema to be an object.',
    })
  }
  return { ...rest, type: 'object' }
}

/** No, none, nothing, the first or once. */
function goesWithoutSaying(value: unknown): boolean {
  return value === false || value === '' || value === 0 || value === 1 || (Array.isArray(value) && value.length === 0)
}

/** What was expected, field by field, in words the model can act on. */
export function invalidInputMessage(tool: string, error: z.ZodError): string {
  const issues = error.issues.slice(0, 10).map((issue) => {
    const path = issue.path.join('.')
    return `- ${path === '' ? 'input' : path}: ${issue.message}`
  })
  return `Not run: the input does not fit the tool ${tool}.\n${issues.join('\n')}`
}

/** A text as one short line without control characters, for progress and records. */
export function oneLine(text: string, maxLength = 160): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim()
  return line.length <= maxLength ? line : `${line.slice(0, maxLength - 1).toWellFormed()}…`
}
