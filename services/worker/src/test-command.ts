import type { ObjectId, Plan } from '@devbot/contracts'
import type { RepositoryStore } from '@devbot/git'

export type TestCommand = { readonly command: string; readonly why: string }

/** Largest manifest that is read to find the test command. */
const MAX_MANIFEST_BYTES = 256 * 1024

/** Manifest at the root (or the plan's workdir) -> the command that is customary with it. First match wins. */
const BY_MANIFEST: readonly (readonly [manifest: string, command: string])[] = [
  ['pyproject.toml', 'python3 -m pytest'],
  ['pytest.ini', 'python3 -m pytest'],
  ['go.mod', 'go test ./...'],
  ['Cargo.toml', 'cargo test'],
  ['pom.xml', 'mvn -q test'],
  ['build.gradle', './gradlew test'],
  ['build.gradle.kts', './gradlew test'],
]

/** The plan's test command, else what the repository's manifests suggest; undefined when there is nothing to run. */
export async function testCommandFor(
  plan: Plan,
  store: RepositoryStore,
  treeId: ObjectId,
): Promise<TestCommand | undefined> {
  if (plan.test !== undefined) return { command: plan.test, why: 'the plan says so' }
  const folder = plan.workdir === undefined ? '' : `${plan.workdir}/`
  const [entries, packageJson] = await Promise.all([
    store.listTree(treeId),
    store.readFile(treeId, `${folder}package.json`, MAX_MANIFEST_BYTES),
  ])
  if (packageJson !== undefined && hasTestScript(packageJson)) {
    return { command: 'npm test', why: 'package.json has a test script' }
  }
  const paths = new Set(entries.map((entry) => entry.path))
  const found = BY_MANIFEST.find(([manifest]) => paths.has(`${folder}${manifest}`))
  return found === undefined ? undefined : { command: found[1], why: `the repository has ${found[0]}` }
}

/** npm's own placeholder script fails by design; it is no test command. */
const NPM_PLACEHOLDER = 'no test specified'

function hasTestScript(packageJson: Uint8Array): boolean {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(packageJson).toString('utf8'))
    const scripts = isRecord(parsed) && isRecord(parsed.scripts) ? parsed.scripts : {}
    return typeof scripts.test === 'string' && !scripts.test.includes(NPM_PLACEHOLDER)
  } catch {
    // A package.json that is not JSON says nothing about tests; the agent will see it for itself.
    return false
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
