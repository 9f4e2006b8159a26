export type Effort = 'low' | 'medium' | 'high' | 'xhigh' | 'max'

/** What a request to a model may ask for. */
type ModelFacts = {
  /** Largest `max_tokens`, thinking included. */
  readonly maxOutputTokens: number
  readonly takesEffort: boolean
  /** What `thinking.type` turns thinking off; `unset`: it is off unless asked for; `never`: it is always on. */
  readonly thinkingOff: 'disabled' | 'between_tools' | 'unset' | 'never'
}

/**
 * Source: the models' pages, what's-new pages and migration guides below platform.claude.com/docs/en/models, and
 * build-with-claude/effort, as stored in October and November 2026. All but Haiku 4.5 think adaptively unless told
 * otherwise. Thinking can be turned off only up to effort `high`, on Sonnet 5.5 (`between_tools`) as on the others.
 */
const FACTS: Readonly<Record<string, ModelFacts>> = {
  'claude-fable-5-2': { maxOutputTokens: 128_000, takesEffort: true, thinkingOff: 'never' },
  'claude-fable-5-1': { maxOutputTokens: 128_000, takesEffort: true, thinkingOff: 'never' },
  'claude-fable-5': { maxOutputTokens: 128_000, takesEffort: true, thinkingOff: 'never' },
  'claude-opus-5-5': { maxOutputTokens: 128_000, takesEffort: true, thinkingOff: 'never' },
  'claude-opus-5': { maxOutputTokens: 128_000, takesEffort: true, thinkingOff: 'disabled' },
  'claude-sonnet-5-5': { maxOutputTokens: 128_000, takesEffort: true, thinkingOff: 'between_tools' },
  'claude-sonnet-5': { maxOutputTokens: 128_000, takesEffort: true, thinkingOff: 'disabled' },
  'claude-haiku-5-5': { maxOutputTokens: 128_000, takesEffort: true, thinkingOff: 'disabled' },
  'claude-haiku-4-5': { maxOutputTokens: 64_000, takesEffort: false, thinkingOff: 'unset' },
}
/** A model we do not know is asked for exactly what the operator set. */
const UNKNOWN: ModelFacts = { maxOutputTokens: 128_000, takesEffort: true, thinkingOff: 'disabled' }

/** A dated name (`claude-haiku-4-5-20251001`) has its family's facts. */
export function factsOf(model: string): ModelFacts {
  const family = model.replace(/-\d{8}$/, '')
  return (Object.hasOwn(FACTS, family) ? FACTS[family] : undefined) ?? UNKNOWN
}
