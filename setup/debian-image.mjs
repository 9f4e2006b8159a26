import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianKeyring } from './apt-sources.mjs'
import { runOrThrow, runQuietly } from './run.mjs'

const RELEASE = 'bookworm'
/** Where Debian keeps certificate authorities that the machine's owner added. */
const OWN_AUTHORITIES = 'usr/local/share/ca-certificates'
/** What the slim images leave out as well. */
const LEFT_OUT = [
  'usr/share/doc',
  'usr/share/man',
  'usr/share/info',
  'usr/share/locale',
  'var/cache/apt',
  'var/lib/apt/lists',
]

/**
 * Makes a minimal Debian from the machine's own mirror, in a folder, for `docker import`. It gets the machine's package
 * sources and the certificate authorities that were added to the machine, or nothing could be installed in it.
 * @param {{ folder: string, mirror: { archive: string, security?: string } }} options `folder` must not exist yet
 */
export async function makeDebianTree({ folder, mirror }) {
  const args = ['--variant=minbase', `--keyring=${debianKeyring}`, RELEASE, folder, mirror.archive]
  await runOrThrow('make a minimal Debian', 'debootstrap', args, { env: await aptEnvironment() })
  for (const path of LEFT_OUT) {
    rmSync(join(folder, path), { recursive: true, force: true })
    mkdirSync(join(folder, path), { recursive: true })
  }
  mkdirSync(join(folder, 'var/cache/apt/archives/partial'), { recursive: true })
  mkdirSync(join(folder, 'var/lib/apt/lists/partial'), { recursive: true })
  rmSync(join(folder, 'var/log'), { recursive: true, force: true })
  mkdirSync(join(folder, 'var/log/apt'), { recursive: true })
  writeFileSync(join(folder, 'etc/apt/sources.list'), await sourcesFor(mirror))
  writeFileSync(join(folder, 'etc/apt/apt.conf.d/99devbot'), await aptSettings())
  writeFileSync(join(folder, 'etc/dpkg/dpkg.cfg.d/slim'), slimRules())
  // The maker's own name and resolver are none of the image's business.
  for (const name of ['etc/hostname', 'etc/resolv.conf']) rmSync(join(folder, name), { force: true })
  if (existsSync(join('/', OWN_AUTHORITIES)) && readdirSync(join('/', OWN_AUTHORITIES)).length > 0)
    cpSync(join('/', OWN_AUTHORITIES), join(folder, OWN_AUTHORITIES), { recursive: true, dereference: true })
}

function sourcesFor({ archive, security }) {
  const suites = [
    [archive, RELEASE],
    [archive, `${RELEASE}-updates`],
    ...(security === undefined ? [] : [[security, `${RELEASE}-security`]]),
  ]
  return suites.map(([uri, suite]) => `deb [signed-by=${debianKeyring}] ${uri} ${suite} main\n`).join('')
}

/** A mirror that stands still needs what the machine was told about it. */
async function aptSettings() {
  const { stdout } = await runQuietly('apt-config', ['dump', 'Acquire::Check-Valid-Until', 'Acquire::Check-Date'])
  const settings = stdout.split('\n').filter((line) => /^Acquire::Check-(Valid-Until|Date) "(false|no|0)";$/.test(line))
  return ['APT::Install-Recommends "false";', 'Acquire::Languages "none";', ...settings, ''].join('\n')
}

function slimRules() {
  return ['doc', 'man', 'info', 'locale'].map((name) => `path-exclude /usr/share/${name}/*\n`).join('')
}

/** The proxy that apt is set to on this machine, in the form that debootstrap and image builds understand. */
export async function aptEnvironment() {
  const { stdout } = await runQuietly('apt-config', ['dump', '--format', '%v', 'Acquire::http::Proxy'])
  const proxy = stdout.trim()
  return /^https?:\/\//.test(proxy) ? { http_proxy: proxy, ...process.env } : process.env
}
