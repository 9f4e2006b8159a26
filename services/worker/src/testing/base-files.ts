import { type Plan, parsePlan } from '@devbot/contracts'
import type { BaseFiles } from '../policy/base-files.ts'
import type { RuleSettings } from '../policy/run-rules.ts'

/** A base as the bare store shows it, from paths and texts; `executables` have the mode 100755. */
export function baseOf(files: Readonly<Record<string, string>>, executables: readonly string[] = []): BaseFiles {
  return {
    paths: Object.keys(files).sort(),
    executables: new Set(executables),
    files: new Map(
      Object.entries(files).map(([path, text]) => [path, { kind: 'file', bytes: new Uint8Array(Buffer.from(text)) }]),
    ),
  }
}

/** An operator's choices. */
export const RULE_SETTINGS: RuleSettings = {
  branchPrefix: 'agent/',
  model: 'sonnet',
  modelsAllowed: ['sonnet', 'opus', 'haiku'],
  imagesAllowed: [],
  egressFromPolicy: false,
  protectedPaths: ['.github/workflows/**', '.devbot.yml'],
  maxRounds: 10,
  maxTokens: 1_000_000,
}

/** A plan with this front matter. */
export function planOf(frontMatter: string): Plan {
  const parsed = parsePlan(Buffer.from(`---\n${frontMatter}\n---\nDo it.\n`), 'plan.md')
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return parsed.plan
}
