/** A setup command that does nothing but install what manifests and lock files name. */
export type PlainInstall = {
  /** Whether scripts of the repository's own packages run with it. */
  readonly runsScripts: boolean
  /** Files of the tree that the command names. */
  readonly namedFiles: readonly string[]
}

/** Options that make no file of the tree count. Others (`--prefix`, `--userconfig`, a filter...) are not known here. */
const NODE_OPTIONS =
  '( --(frozen-lockfile|no-frozen-lockfile|prefer-offline|offline|immutable|ignore-scripts|no-audit|audit=false|no-fund|fund=false|no-optional|no-progress|production|prod|legacy-peer-deps|silent|quiet|prefer-frozen-lockfile|(omit|include)=(dev|optional|peer)|(loglevel|reporter)=[a-z-]+|registry=https?:[\\w.:/-]+)| -P)*'
const NODE = new RegExp(
  String.raw`^((npx|corepack)( --yes| -y| --offline)* )?(npm|pnpm|yarn)(@[\w.-]+)?( (ci|clean-install|install|i))?${NODE_OPTIONS}$`,
)
const PIP =
  /^pip3? install(( (-r|--requirement) [\w./-]+)|( (--user|--quiet|-q|--no-cache-dir|--break-system-packages)))+$/
const OTHERS = [/^corepack enable$/, /^go mod download( -x)?$/, /^cargo fetch( --(locked|quiet))*$/]
/** Variables in front of a command, as harmless. */
const VARIABLE =
  /^(CI|NODE_ENV|(npm_config|NPM_CONFIG)_(registry|fund|audit|loglevel)|PIP_(INDEX_URL|NO_CACHE_DIR)|GOPROXY)=[\w.:/@,-]*$/

/**
 * Recognises plain installations: npm, pnpm and yarn, `pip install -r`, `go mod download`, `cargo fetch`, one or several
 * with `&&` between them and variables in front. Undefined for everything else, for shell syntax and for packages named
 * on the command line: what such a command reads cannot be told.
 */
export function recogniseInstall(command: string): PlainInstall | undefined {
  const parts = command.split('&&').map(withoutVariables)
  const installs = parts.map(recognisePart)
  if (installs.length === 0 || installs.includes(undefined)) return undefined
  return {
    runsScripts: installs.some((install) => install?.runsScripts === true),
    namedFiles: installs.flatMap((install) => install?.namedFiles ?? []),
  }
}

/** `A=1 B=2 npm ci` without its variables, where these are known. */
function withoutVariables(part: string): string {
  const words = part.trim().split(/[ \t]+/)
  const first = words.findIndex((word) => !VARIABLE.test(word))
  return first === -1 ? part : words.slice(first).join(' ')
}

function recognisePart(part: string): PlainInstall | undefined {
  if (NODE.test(part)) return { runsScripts: !/ --ignore-scripts( |$)/.test(part), namedFiles: [] }
  if (PIP.test(part)) {
    const files = [...part.matchAll(/ (?:-r|--requirement) ([\w./-]+)/g)].map((match) => match[1] ?? '')
    return files.length === 0 ? undefined : { runsScripts: false, namedFiles: files }
  }
  return OTHERS.some((pattern) => pattern.test(part)) ? { runsScripts: false, namedFiles: [] } : undefined
}
