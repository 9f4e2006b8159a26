import type { ObjectId } from '@devbot/contracts'
import type { RepositoryStore, TreeEntry } from '@devbot/git'
import { recogniseInstall } from './recognise-install.ts'

/** What of a tree the setup command's result depends on: certain files, or, when that cannot be told, all of it. */
export type SetupInputs =
  | { readonly kind: 'tree'; readonly treeId: ObjectId }
  | { readonly kind: 'files'; readonly files: readonly TreeEntry[] }

/** Manifests, lock files and settings of package managers, wherever they lie in the tree. */
const MANIFESTS: readonly RegExp[] = [
  /^(package(-lock)?|npm-shrinkwrap)\.json$/,
  /^pnpm-(lock|workspace)\.yaml$/,
  /^(yarn\.lock|\.yarnrc(\.yml)?|\.npmrc|\.pnpmfile\.[cm]?js|pnpmfile\.[cm]?js)$/,
  /^(\.nvmrc|\.node-version|\.python-version|\.tool-versions)$/,
  /^(requirements|constraints)[^/]*\.(txt|in)$/,
  /^(pyproject\.toml|setup\.(py|cfg)|poetry\.lock|uv\.(lock|toml)|Pipfile(\.lock)?|pip\.conf)$/,
  /^go\.(mod|sum|work|work\.sum)$/,
  /^(Cargo\.(toml|lock)|rust-toolchain(\.toml)?)$/,
  /^(Gemfile(\.lock)?|composer\.(json|lock)|pom\.xml|gradle\.(lockfile|properties)|[^/]*\.gradle(\.kts)?)$/,
  /^([^/]*\.(cs|fs|vb)proj|packages\.lock\.json|nuget\.config)$/i,
  /^(Makefile|GNUmakefile|makefile)$/,
]
/** Folders of which every file counts: package managers run or unpack what is in them. */
const FOLDERS = /(^|\/)(\.yarn|\.cargo|patches)\//

/** Manifests that are looked into; a tree with more counts as a whole. */
const MAX_READ_MANIFESTS = 100
const MAX_MANIFEST_BYTES = 1024 * 1024
const READ_TOGETHER = 8

/**
 * Finds what the setup command may read. Only plain installations of well-known package managers are narrowed to
 * manifests and lock files, and only when none of these points to more: a script that runs on installation, a local
 * package that is copied. Everything else (make, a script, a build) may read any file, so the whole tree counts.
 */
export async function setupInputsFor(
  store: Pick<RepositoryStore, 'listTree' | 'readFile'>,
  treeId: ObjectId,
  setup: { readonly command: string; readonly workdir: string | undefined },
): Promise<SetupInputs> {
  const tree: SetupInputs = { kind: 'tree', treeId }
  const install = recogniseInstall(setup.command)
  if (install === undefined) return tree
  const entries = await store.listTree(treeId)
  const named = new Set(install.namedFiles.map((path) => pathInTree(setup.workdir, path)))
  const files = entries.filter(({ path }) => isManifest(path) || FOLDERS.test(path) || named.has(path))
  if ([...named].some((path) => !files.some((file) => file.path === path))) return tree
  // What a link leads to is not looked for, and a submodule is not there.
  if (files.some(({ mode }) => mode === '120000' || mode === '160000')) return tree
  // Both run without being named: the first by pnpm, the second makes npm compile the repository itself.
  if (entries.some(({ path }) => /(^|\/)(\.?pnpmfile\.[cm]?js|binding\.gyp)$/.test(path))) return tree
  const readable = files.filter(({ path }) => mayPointToMore(path) || named.has(path))
  if (readable.length > MAX_READ_MANIFESTS) return tree
  for (let start = 0; start < readable.length; start += READ_TOGETHER) {
    const verdicts = await Promise.all(
      readable.slice(start, start + READ_TOGETHER).map(async ({ path }) => {
        const bytes = await store.readFile(treeId, path, MAX_MANIFEST_BYTES)
        return bytes === undefined || pointsToMore(path, Buffer.from(bytes).toString('utf8'), install.runsScripts)
      }),
    )
    if (verdicts.includes(true)) return tree
  }
  return { kind: 'files', files }
}

function pathInTree(workdir: string | undefined, path: string): string {
  const relative = path.replace(/^(\.\/)+/, '')
  return workdir === undefined ? relative : `${workdir}/${relative}`
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function isManifest(path: string): boolean {
  return MANIFESTS.some((pattern) => pattern.test(nameOf(path)))
}

function mayPointToMore(path: string): boolean {
  return /^(package\.json|pnpm-workspace\.yaml|\.npmrc|\.yarnrc(\.yml)?|(requirements|constraints)[^/]*)$/.test(
    nameOf(path),
  )
}

/** Scripts that npm, pnpm and yarn run by themselves in the repository's own packages. */
const LIFECYCLE = [
  'preinstall',
  'install',
  'postinstall',
  'prepublish',
  'preprepare',
  'prepare',
  'postprepare',
  'dependencies',
]
/** Dependencies that are copied from the tree, or changed by a file of it. */
const LOCAL_DEPENDENCY = /file:|portal:|patch:|exec:|inject/i

/** Whether the text of a manifest says that more than manifests decides what an installation makes. */
function pointsToMore(path: string, text: string, runsScripts: boolean): boolean {
  const name = nameOf(path)
  if (name === 'package.json') return LOCAL_DEPENDENCY.test(text) || (runsScripts && hasLifecycleScript(text))
  if (name === 'pnpm-workspace.yaml') return LOCAL_DEPENDENCY.test(text)
  if (name === '.npmrc') return /(^|\n)\s*(node-options|script-shell|prefix|cache|cafile|inject)/i.test(text)
  if (name.startsWith('.yarnrc')) return /plugins|yarn-?path|constraints/i.test(text)
  // A requirements file: options, and paths instead of names.
  return /^\s*[-./~]|file:|@\s*[./~]|\.(whl|zip|gz)\b/m.test(text)
}

function hasLifecycleScript(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text)
    if (!isRecord(parsed)) return true
    return isRecord(parsed.scripts) && LIFECYCLE.some((name) => Object.hasOwn(parsed.scripts ?? {}, name))
  } catch {
    // Not JSON: what a package manager makes of it cannot be told, so everything counts.
    return true
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
