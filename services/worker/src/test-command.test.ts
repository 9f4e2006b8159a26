import { describe, expect, it } from 'vitest'
import { detectTestCommand, suggestSetup } from './test-command.ts'
import { baseOf } from './testing/base-files.ts'

const SCRIPT = '{"scripts":{"test":"node --test"}}'
const PLACEHOLDER = '{"scripts":{"test":"echo \\"Error: no test specified\\" && exit 1"}}'

describe('detectTestCommand', () => {
  it.each<[string, Readonly<Record<string, string>>]>([
    ['npm test', { 'package.json': SCRIPT }],
    ['npm test', { 'package.json': SCRIPT, 'package-lock.json': '{}' }],
    ['pnpm test', { 'package.json': SCRIPT, 'pnpm-lock.yaml': '' }],
    ['yarn test', { 'package.json': SCRIPT, 'yarn.lock': '' }],
    ['bun run test', { 'package.json': SCRIPT, 'bun.lock': '' }],
    ['bun run test', { 'package.json': SCRIPT, 'bun.lockb': '' }],
    ['make test', { 'package.json': PLACEHOLDER, Makefile: 'build:\n\tcc\ntest: build\n\t./run\n' }],
    ['go test ./...', { 'package.json': 'not json', 'go.mod': 'module a' }],
    ['go test ./...', { 'package.json': '{"scripts":{"test":" "}}', 'go.mod': 'module a' }],
    ['go test ./...', { 'package.json': '[]', 'go.mod': 'module a' }],
    ['deno test', { 'deno.json': '{}' }],
    ['deno task test', { 'deno.json': '{"tasks":{"test":"deno test -A"}}' }],
    ['deno task test', { 'deno.json': '{"tasks":{"test":{"command":"deno test -A"}}}' }],
    ['python3 -m pytest', { 'pytest.ini': '' }],
    ['python3 -m pytest', { 'pyproject.toml': '[project]\n[tool.pytest.ini_options]\n' }],
    ['python3 -m pytest', { 'setup.cfg': '[metadata]\n[tool:pytest]\n' }],
    ['python3 -m pytest', { 'tox.ini': '[tox]\n[pytest]\n' }],
    ['python3 -m pytest', { 'app.py': '', 'tests/test_app.py': '' }],
    ['python3 -m pytest', { 'pyproject.toml': '[project]', 'src/app_test.py': '' }],
    ['cargo test', { 'Cargo.toml': '' }],
    ['mvn -q test', { 'pom.xml': '' }],
    ['gradle test', { 'build.gradle.kts': '' }],
    ['composer test', { 'composer.json': '{"scripts":{"test":["phpunit"]}}' }],
    ['mix test', { 'mix.exs': '' }],
    ['make test', { Makefile: 'test::\n\ttrue\n' }],
  ])('finds %j', (command, files) => {
    expect(detectTestCommand(baseOf(files), undefined)?.command).toBe(command)
  })

  it.each<[string, Readonly<Record<string, string>>]>([
    ['a placeholder script', { 'package.json': PLACEHOLDER }],
    ['a project without tests', { 'pyproject.toml': '[project]', 'app.py': '' }],
    ['a Makefile with other targets', { Makefile: 'tests:\n\ttrue\ntest_all:\n\ttrue\ntest := 1\n.PHONY: test\n' }],
    ['a test script named like a prototype’s', { 'package.json': '{"scripts":{"__proto__":{"test":"x"}}}' }],
    ['nothing', {}],
  ])('finds no command for %s', (_what, files) => {
    expect(detectTestCommand(baseOf(files), undefined)).toBeUndefined()
  })

  it('takes the repository’s own wrapper, also one that is not executable', () => {
    const files = { 'pom.xml': '', mvnw: '', 'app/build.gradle': '', 'app/gradlew': '' }
    expect(detectTestCommand(baseOf(files, ['mvnw']), undefined)?.command).toBe('./mvnw -q test')
    expect(detectTestCommand(baseOf(files, ['mvnw']), 'app')?.command).toBe('sh ./gradlew test')
  })

  it('says where the command comes from', () => {
    expect(detectTestCommand(baseOf({ 'package.json': SCRIPT }), undefined)?.why).toBe(
      'found: a test script in package.json in the root',
    )
    expect(detectTestCommand(baseOf({ 'a/go.mod': '' }), 'a')?.why).toBe('found: a has go.mod')
  })

  it('looks in the workdir first, with the lock file of the monorepo’s root', () => {
    const files = {
      'package.json': SCRIPT,
      'pnpm-lock.yaml': '',
      'packages/api/package.json': SCRIPT,
      'py/pytest.ini': '',
    }
    expect(detectTestCommand(baseOf(files), 'packages/api')?.command).toBe('pnpm test')
    expect(detectTestCommand(baseOf(files), 'py')?.command).toBe('python3 -m pytest')
  })

  it('goes to the root for a command that belongs there', () => {
    const files = { Makefile: 'test:\n', 'packages/api/index.txt': '' }
    expect(detectTestCommand(baseOf(files), 'packages/api')).toMatchObject({ command: 'cd ../.. && make test' })
  })
})

describe('suggestSetup', () => {
  it('names what a lock file stands for, without running it', () => {
    expect(suggestSetup(baseOf({ 'package-lock.json': '' }), undefined)).toEqual({
      command: 'npm ci',
      why: 'package-lock.json',
    })
    expect(suggestSetup(baseOf({ 'uv.lock': '', 'api/x': '' }), 'api')?.command).toBe('uv sync --frozen')
    expect(suggestSetup(baseOf({ 'package.json': '{}' }), undefined)).toBeUndefined()
  })
})
