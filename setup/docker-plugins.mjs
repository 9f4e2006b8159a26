import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { debianKeyring, debianMirror, readAptSources } from './apt-sources.mjs'
import { findProgram, root, runOrThrow, runQuietly } from './run.mjs'
import { OVER_THE_NETWORK } from './stages.mjs'
import { installPackages, mayInstall } from './system-programs.mjs'

/** The release whose plugins are new enough and still run on Debian 12. */
const RELEASE = 'trixie'
/** The client's plugins, each with Debian's package of it. */
const PACKAGE_OF = { 'docker-compose': 'docker-compose', 'docker-buildx': 'docker-buildx' }
/** Where Debian's packages put them. */
const PACKAGED = join('usr', 'libexec', 'docker', 'cli-plugins')
const SYSTEM_FOLDERS = ['/usr/libexec', '/usr/lib', '/usr/local/libexec', '/usr/local/lib'].map((folder) =>
  join(folder, 'docker', 'cli-plugins'),
)

/**
 * Makes sure that the Docker client has `compose` (version 2) and `buildx`. Missing ones come as Debian's packages where
 * those are new enough, else from a newer release of the machine's own mirror: a private source with lists of its own,
 * unpacked below `.devbot/`, so nothing of the system changes.
 * @param {ReturnType<typeof import('./stages.mjs').createStages>} stages
 * @param {string[]} wanted
 * @param {{ folder?: string, userConfig?: string, systemFolders?: string[] }} place for tests
 * @returns {Promise<{ env: NodeJS.ProcessEnv } | { problem: string }>} variables for whoever runs `docker`
 */
export async function ensurePlugins(stages, wanted = Object.keys(PACKAGE_OF), place = {}) {
  const folder = place.folder ?? join(root, '.devbot', 'docker')
  const userConfig = place.userConfig ?? process.env.DOCKER_CONFIG ?? join(homedir(), '.docker')
  const systemFolders = place.systemFolders ?? SYSTEM_FOLDERS
  const config = join(folder, 'config')
  const lackingIn = (folders) => wanted.filter((plugin) => !folders.some((place) => existsSync(join(place, plugin))))
  const usual = [join(userConfig, 'cli-plugins'), ...systemFolders]
  if (lackingIn(usual).length === 0) return { env: {} }
  const missing = lackingIn([...usual, join(config, 'cli-plugins')])
  if (missing.length === 0) return { env: linkUserConfig(config, userConfig) }
  if (process.env.DEVBOT_INSTALL === '0' || findProgram('apt-get') === undefined)
    return { problem: `the Docker client lacks ${missing.join(' and ')}` }
  const packaged = await packagesNewEnough(missing)
  if (packaged !== undefined && (await mayInstall(`Install ${packaged.join(', ')} with apt-get?`))) {
    await stages.stage('plugins', `installing ${packaged.join(', ')} with apt-get`, () => installPackages(packaged))
    return { env: {} }
  }
  const mirror = debianMirror(readAptSources())
  if (mirror === undefined || !existsSync(debianKeyring))
    return {
      problem: `the Docker client lacks ${missing.join(' and ')}, and this system's packages of them are too old`,
    }
  await stages.stage(
    'plugins',
    `fetching ${missing.join(' and ')} from Debian ${RELEASE} into .devbot/`,
    () => fetchPlugins(missing, mirror.archive, folder, join(config, 'cli-plugins')),
    OVER_THE_NETWORK,
  )
  return { env: linkUserConfig(config, userConfig) }
}

/** The system's own packages of these plugins, if all of them are there and none is the dead first compose. */
async function packagesNewEnough(plugins) {
  const chosen = []
  for (const plugin of plugins) {
    const names = plugin === 'docker-compose' ? ['docker-compose-v2', 'docker-compose'] : [PACKAGE_OF[plugin]]
    const { stdout } = await runQuietly('apt-cache', ['policy', ...names])
    const found = [...stdout.matchAll(/^(\S+):\n.*\n {2}Candidate: (?:\d+:)?(\d+)\./gm)].find(
      ([, , major]) => plugin !== 'docker-compose' || Number(major) >= 2,
    )
    if (found === undefined) return undefined
    chosen.push(found[1])
  }
  return chosen
}

async function fetchPlugins(plugins, archive, folder, target) {
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(join(folder, 'plugins-'))
  try {
    const list = join(work, 'private.list')
    writeFileSync(list, `deb [signed-by=${debianKeyring}] ${archive} ${RELEASE} main\n`)
    for (const name of ['lists/partial', 'cache/archives/partial', 'unpacked'])
      mkdirSync(join(work, name), { recursive: true })
    const apart = [
      ['Dir::Etc::SourceList', list],
      ['Dir::Etc::SourceParts', '/dev/null'],
      ['Dir::State::Lists', join(work, 'lists')],
      ['Dir::Cache', join(work, 'cache')],
      ['APT::Sandbox::User', 'root'],
      ['Acquire::Languages', 'none'],
    ].flatMap(([name, value]) => ['-o', `${name}=${value}`])
    await runOrThrow(`read the package lists of Debian ${RELEASE}`, 'apt-get', [...apart, 'update'])
    const packages = plugins.map((plugin) => PACKAGE_OF[plugin])
    await runOrThrow(`fetch ${packages.join(' and ')}`, 'apt-get', [...apart, 'download', ...packages], { cwd: work })
    for (const file of readdirSync(work).filter((name) => name.endsWith('.deb')))
      await runOrThrow(`unpack ${file}`, 'dpkg-deb', ['-x', join(work, file), join(work, 'unpacked')])
    mkdirSync(target, { recursive: true })
    for (const plugin of plugins) copyFileSync(join(work, 'unpacked', PACKAGED, plugin), join(target, plugin))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/**
 * A configuration folder for the Docker client that has our plugins and everything of the person's own by links:
 * contexts, registries' credentials, other plugins.
 */
function linkUserConfig(config, userConfig) {
  const pairs = [
    ...entriesOf(userConfig)
      .filter((name) => name !== 'cli-plugins')
      .map((name) => [userConfig, config, name]),
    ...entriesOf(join(userConfig, 'cli-plugins')).map((name) => [
      join(userConfig, 'cli-plugins'),
      join(config, 'cli-plugins'),
      name,
    ]),
  ]
  for (const [from, to, name] of pairs) {
    mkdirSync(to, { recursive: true })
    if (linkTarget(join(to, name)) === undefined && !existsSync(join(to, name)))
      symlinkSync(join(from, name), join(to, name))
  }
  return { DOCKER_CONFIG: config }
}

function entriesOf(folder) {
  return existsSync(folder) ? readdirSync(folder) : []
}

function linkTarget(path) {
  try {
    return readlinkSync(path)
  } catch {
    // Not there, or no link: the caller looks.
    return undefined
  }
}
