/**
 * Tokens that prompt and reply of one call may have together.
 *
 * Source: Anthropic's models overview and the models' own pages (platform.claude.com/docs, "Models"), as they stood in
 * October 2026: 1M for all current models and for Opus 5 and Sonnet 5, 200K for Haiku 4.5.
 */
const WINDOWS: Readonly<Record<string, number>> = {
  'claude-fable-5-1': 1_000_000,
  'claude-opus-5-5': 1_000_000,
  'claude-opus-5': 1_000_000,
  'claude-sonnet-5-5': 1_000_000,
  'claude-sonnet-5': 1_000_000,
  'claude-haiku-5-5': 1_000_000,
  'claude-haiku-4-5': 200_000,
}

/** For a model that is not in the table: what nearly every model of today takes. Too small a number only compacts earlier. */
const UNKNOWN_WINDOW = 200_000

/** The context window of a model. A dated name (`claude-haiku-4-5-20251001`) has its family's. */
export function contextWindowOf(model: string): number {
  const family = model.replace(/-\d{8}$/, '')
  return (Object.hasOwn(WINDOWS, family) ? WINDOWS[family] : undefined) ?? UNKNOWN_WINDOW
}
