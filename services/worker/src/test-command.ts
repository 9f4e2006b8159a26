import { type BaseFiles, foldersOnTheWay, pathIn, textOf } from './policy/base-files.ts'

/** `why` is for people: where the command comes from. */
export type TestCommand = { readonly command: string; readonly why: string }

/** A folder of the base as the rules below ask for it. */
type Folder = {
  /** Whether it holds a file of this name. */
  readonly has: (name: string) => boolean
  /** Whether it or a folder above it does: a monorepo has one lock file for all its packages. */
  readonly hasAbove: (name: string) => boolean
  readonly isExecutable: (name: string) => boolean
  readonly text: (name: string) => string | undefined
  /** Whether any path below it, relative to it, is like this. */
  readonly hasBelow: (pattern: RegExp) => boolean
}

type Rule = (folder: Folder) => TestCommand | undefined

/** In this order: the first that knows the folder names the command. */
const RULES: readonly Rule[] = [
  packageScript,
  denoTask,
  pytest,
  (folder) => (folder.has('go.mod') ? { command: 'go test ./...', why: 'go.mod' } : undefined),
  (folder) => (folder.has('Cargo.toml') ? { command: 'cargo test', why: 'Cargo.toml' } : undefined),
  (folder) =>
    folder.has('pom.xml') ? { command: `${wrapper(folder, 'mvnw', 'mvn')} -q test`, why: 'pom.xml' } : undefined,
  gradle,
  composerScript,
  (folder) => (folder.has('mix.exs') ? { command: 'mix test', why: 'mix.exs' } : undefined),
  makeTarget,
]

/**
 * The test command that the files of a base suggest: those of the workdir first, then those of the root. Commands run in
 * the workdir, so one for the root goes there by itself. Undefined when nothing is recognised.
 */
export function detectTestCommand(base: BaseFiles, workdir: string | undefined): TestCommand | undefined {
  for (const path of workdir === undefined ? [''] : [workdir, '']) {
    const folder = folderOf(base, path)
    const found = RULES.map((rule) => rule(folder)).find((command) => command !== undefined)
    if (found === undefined) continue
    const why = `found: ${path === '' ? '' : `${path} has `}${found.why}${path === '' ? ' in the root' : ''}`
    if (path !== '' || workdir === undefined) return { command: found.command, why }
    return { command: `cd ${workdir.split('/').fill('..').join('/')} && ${found.command}`, why }
  }
  return undefined
}

function folderOf(base: BaseFiles, path: string): Folder {
  const prefix = path === '' ? '' : `${path}/`
  const paths = new Set(base.paths)
  const above = foldersOnTheWay(path === '' ? undefined : path)
  return {
    has: (name) => paths.has(`${prefix}${name}`),
    hasAbove: (name) => above.some((folder) => paths.has(pathIn(folder, name))),
    isExecutable: (name) => base.executables.has(`${prefix}${name}`),
    text: (name) => textOf(base, `${prefix}${name}`),
    hasBelow: (pattern) =>
      base.paths.some((candidate) => candidate.startsWith(prefix) && pattern.test(candidate.slice(prefix.length))),
  }
}

/** npm's own placeholder script fails by design; it is no test command. */
const NPM_PLACEHOLDER = 'no test specified'

/** Lock file -> how that package manager runs the script. */
const BY_LOCK_FILE: readonly (readonly [lockFile: string, command: string])[] = [
  ['pnpm-lock.yaml', 'pnpm test'],
  ['yarn.lock', 'yarn test'],
  ['bun.lock', 'bun run test'],
  ['bun.lockb', 'bun run test'],
]

function packageScript(folder: Folder): TestCommand | undefined {
  const script = scriptOf(folder.text('package.json'), 'scripts', 'test')
  if (script === undefined || script.trim() === '' || script.includes(NPM_PLACEHOLDER)) return undefined
  const found = folder.has('package-lock.json')
    ? undefined
    : BY_LOCK_FILE.find(([lockFile]) => folder.hasAbove(lockFile))
  if (found === undefined) return { command: 'npm test', why: 'a test script in package.json' }
  return { command: found[1], why: `a test script in package.json, and ${found[0]}` }
}

function denoTask(folder: Folder): TestCommand | undefined {
  if (!folder.has('deno.json')) return undefined
  const task = scriptOf(folder.text('deno.json'), 'tasks', 'test')
  if (task === undefined) return { command: 'deno test', why: 'deno.json' }
  return { command: 'deno task test', why: 'a test task in deno.json' }
}

const PYTEST_SETTINGS: readonly (readonly [file: string, section: RegExp])[] = [
  ['pyproject.toml', /^\s*\[tool\.pytest\b/m],
  ['setup.cfg', /^\s*\[tool:pytest\]/m],
  ['tox.ini', /^\s*\[pytest\]/m],
]

/** Where pytest is set up, or where there are files that it would collect: without any it fails. */
function pytest(folder: Folder): TestCommand | undefined {
  const command = 'python3 -m pytest'
  if (folder.has('pytest.ini')) return { command, why: 'pytest.ini' }
  const settings = PYTEST_SETTINGS.find(([file, section]) => section.test(folder.text(file) ?? ''))
  if (settings !== undefined) return { command, why: `pytest's settings in ${settings[0]}` }
  if (folder.hasBelow(/(?:^|\/)(?:test_[^/]*|[^/]*_test)\.py$/)) return { command, why: 'files like test_*.py' }
  return undefined
}

function gradle(folder: Folder): TestCommand | undefined {
  const file = ['build.gradle', 'build.gradle.kts', 'settings.gradle', 'settings.gradle.kts'].find(folder.has)
  return file === undefined ? undefined : { command: `${wrapper(folder, 'gradlew', 'gradle')} test`, why: file }
}

/** The repository's own wrapper where there is one; it fetches the right version, or brings it along. */
function wrapper(folder: Folder, script: string, program: string): string {
  if (!folder.has(script)) return program
  return folder.isExecutable(script) ? `./${script}` : `sh ./${script}`
}

function composerScript(folder: Folder): TestCommand | undefined {
  const found = jsonOf(folder.text('composer.json'))
  const hasTest = isRecord(found) && isRecord(found.scripts) && Object.hasOwn(found.scripts, 'test')
  return hasTest ? { command: 'composer test', why: 'a test script in composer.json' } : undefined
}

function makeTarget(folder: Folder): TestCommand | undefined {
  // The first that make itself would read.
  const file = ['GNUmakefile', 'makefile', 'Makefile'].find(folder.has)
  if (file === undefined || !/^test[ \t]*::?(?!=)/m.test(folder.text(file) ?? '')) return undefined
  return { command: 'make test', why: `a target "test" in ${file}` }
}

/** What installs the dependencies that a lock file of the workdir or the root names. */
const BY_SETUP: readonly (readonly [lockFile: string, command: string])[] = [
  ['package-lock.json', 'npm ci'],
  ['pnpm-lock.yaml', 'pnpm install --frozen-lockfile'],
  ['yarn.lock', 'yarn install --immutable'],
  ['bun.lock', 'bun install --frozen-lockfile'],
  ['uv.lock', 'uv sync --frozen'],
  ['poetry.lock', 'poetry install'],
  ['requirements.txt', 'pip install --user -r requirements.txt'],
  ['composer.lock', 'composer install'],
  ['Gemfile.lock', 'bundle install'],
]

/**
 * A setup command that a person may want to write down. DevBot never runs one by itself: without a way out it would fail,
 * and images often bring what it would install.
 */
export function suggestSetup(base: BaseFiles, workdir: string | undefined): TestCommand | undefined {
  const folders = [...new Set([workdir ?? '', ''])].map((path) => folderOf(base, path))
  const found = BY_SETUP.find(([lockFile]) => folders.some((folder) => folder.has(lockFile)))
  return found === undefined ? undefined : { command: found[1], why: found[0] }
}

function scriptOf(text: string | undefined, group: string, name: string): string | undefined {
  const parsed = jsonOf(text)
  const scripts = isRecord(parsed) ? parsed[group] : undefined
  const script = isRecord(scripts) && Object.hasOwn(scripts, name) ? scripts[name] : undefined
  if (isRecord(script)) return name
  return typeof script === 'string' ? script : undefined
}

function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    // A manifest that is not JSON says nothing about tests; the agent will see it for itself.
    return undefined
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
