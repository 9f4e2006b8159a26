import type { Policy } from './policy.ts'

export type PolicyKeyRule = {
  /**
   * How a value is read. `words` is a list that may also be one text, cut at commas; `globs` is a list or one text, not
   * cut; `shell` is a list of arguments, or one text for a shell; `group` holds further keys.
   */
  readonly reads:
    | 'text'
    | 'number'
    | 'flag'
    | 'words'
    | 'globs'
    | 'arguments'
    | 'shell'
    | 'variables'
    | 'services'
    | 'group'
  /** Completes "expected ...". */
  readonly expected: string
  /** A value that is right, as it would be written in the file. */
  readonly example: string
}

type Group = 'limits' | 'paths' | 'pull_request'
/** Keys below keys are written with a dot: `limits.max_turns`. */
type DottedKey =
  | keyof Policy
  | { [Key in Group]: `${Key}.${Extract<keyof NonNullable<Policy[Key]>, string>}` }[Group]
  | `services.*.${'name' | 'image' | 'port' | 'env' | 'command' | 'health' | 'start_seconds'}`

const GLOBS = 'a list of at most 100 globs from the root, like src/** or docs/*.md'

/** What each key takes, in words; the schema in `policy.ts` decides. */
const RULES: Readonly<Record<DottedKey, PolicyKeyRule>> = {
  image: { reads: 'text', expected: 'the name of an image', example: 'python:3.13-slim' },
  setup: { reads: 'text', expected: 'one command line of 1 to 1000 characters', example: 'npm ci' },
  test: { reads: 'text', expected: 'one command line of 1 to 1000 characters', example: 'npm test' },
  lint: { reads: 'text', expected: 'one command line of 1 to 1000 characters', example: 'npm run lint' },
  workdir: {
    reads: 'text',
    expected: 'a folder inside the repository, without . or .. (leave the key out for the root)',
    example: 'packages/api',
  },
  services: {
    reads: 'services',
    expected: 'at most 8 services, each a name with its image and port',
    example: '{ db: { image: "postgres:16", port: 5432 } }',
  },
  'services.*.name': {
    reads: 'text',
    expected: 'a name of lower-case letters, digits and dashes, each once',
    example: 'db',
  },
  'services.*.image': { reads: 'text', expected: 'the name of an image', example: '"postgres:16"' },
  'services.*.port': {
    reads: 'number',
    expected: 'a port from 1 to 65535 that no other service has, and not 3128',
    example: '5432',
  },
  'services.*.env': {
    reads: 'variables',
    expected: 'at most 32 variables with their values',
    example: '{ POSTGRES_PASSWORD: test }',
  },
  'services.*.command': { reads: 'arguments', expected: 'a list of arguments', example: '[postgres, -c, fsync=off]' },
  'services.*.health': {
    reads: 'shell',
    expected: 'a command that ends with 0 when the service is ready',
    example: 'pg_isready -U postgres',
  },
  'services.*.start_seconds': { reads: 'number', expected: 'a whole number from 1 to 600', example: '60' },
  egress: {
    reads: 'words',
    expected: 'a list of at most 64 hosts, with :port unless it is 443',
    example: '[packages.example.com]',
  },
  limits: {
    reads: 'group',
    expected: 'max_turns, budget_usd, max_minutes, max_rounds, max_tokens with their numbers',
    example: '{ max_turns: 50 }',
  },
  'limits.max_turns': { reads: 'number', expected: 'a whole number from 1 to 1000', example: '50' },
  'limits.budget_usd': {
    reads: 'number',
    expected: 'a number of dollars above 0 and up to 1000, without a currency sign',
    example: '5',
  },
  'limits.max_minutes': { reads: 'number', expected: 'a number of minutes above 0 and up to 1440', example: '30' },
  'limits.max_rounds': { reads: 'number', expected: 'a whole number from 1 to 1000', example: '5' },
  'limits.max_tokens': {
    reads: 'number',
    expected: 'a whole number from 1000 to 1000000000, without separators',
    example: '2000000',
  },
  paths: {
    reads: 'group',
    expected: 'protected and allowed with their globs',
    example: '{ protected: ["migrations/**"] }',
  },
  'paths.protected': { reads: 'globs', expected: GLOBS, example: '["migrations/**"]' },
  'paths.allowed': { reads: 'globs', expected: GLOBS, example: '["src/**", "test/**"]' },
  branch_prefix: { reads: 'text', expected: 'a prefix for branches that ends with a slash', example: 'agent/api/' },
  pull_request: {
    reads: 'group',
    expected: 'draft, labels and reviewers with their values',
    example: '{ labels: [devbot] }',
  },
  'pull_request.draft': { reads: 'flag', expected: 'true or false', example: 'true' },
  'pull_request.labels': {
    reads: 'words',
    expected: 'a list of at most 20 labels of 1 to 50 characters',
    example: '[devbot]',
  },
  'pull_request.reviewers': { reads: 'words', expected: 'a list of at most 15 GitHub names', example: '[octocat]' },
  model: { reads: 'text', expected: 'a model name of 1 to 100 characters', example: 'claude-sonnet-5-5' },
  self_review: { reads: 'flag', expected: 'true or false', example: 'true' },
}

/** The rule of a dotted key, `services.*.port` for any service; undefined for a key that there is not. */
export function policyRule(dottedKey: string): PolicyKeyRule | undefined {
  return isDottedKey(dottedKey) ? RULES[dottedKey] : undefined
}

/** The keys that may stand right below a dotted key; at the top below ''. */
export function policyKeysBelow(dottedKey: string): readonly string[] {
  const prefix = dottedKey === '' ? '' : `${dottedKey}.`
  return Object.keys(RULES)
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length))
    .filter((key) => !key.includes('.'))
}

function isDottedKey(key: string): key is DottedKey {
  return Object.hasOwn(RULES, key)
}
