import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** @typedef {{ uri: string, suite: string, components: string[], signedBy: string }} AptSource */

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/**
 * The machine's package sources, in both of apt's formats, one entry per address and suite. Disabled ones are left out.
 * @returns {AptSource[]}
 */
export function readAptSources(folder = '/etc/apt') {
  const parts = join(folder, 'sources.list.d')
  const files = [
    join(folder, 'sources.list'),
    ...(existsSync(parts)
      ? readdirSync(parts)
          .toSorted()
          .map((name) => join(parts, name))
      : []),
  ].filter((file) => existsSync(file))
  return files.flatMap((file) => {
    if (file.endsWith('.sources')) return parseStanzas(readFileSync(file, 'utf8'))
    return file.endsWith('.list') ? parseLines(readFileSync(file, 'utf8')) : []
  })
}

/** The deb822 format: stanzas of `Field: value`, continued by indented lines. */
export function parseStanzas(text) {
  return text
    .replace(/^#.*\n?/gm, '')
    .split(/\n\s*\n/)
    .flatMap((stanza) => {
      const fields = new Map(
        [...stanza.replace(/\n[ \t]+/g, ' ').matchAll(/^([\w-]+):[ \t]*(.*)$/gm)].map(([, name, value]) => [
          name.toLowerCase(),
          value.trim(),
        ]),
      )
      const words = (name) => (fields.get(name) ?? '').split(/\s+/).filter((word) => word !== '')
      if (!words('types').includes('deb') || /^(no|false|0|off|disable)$/i.test(fields.get('enabled') ?? '')) return []
      const shared = { components: words('components'), signedBy: fields.get('signed-by') ?? '' }
      return words('uris').flatMap((uri) => words('suites').map((suite) => ({ uri, suite, ...shared })))
    })
}

/** The one-line format: `deb [options] address suite components`. */
export function parseLines(text) {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line)
    if (match === null) return []
    const [, options = '', uri, suite, components] = match
    const signedBy = /signed-by=(\S+)/i.exec(options)?.[1] ?? ''
    return [{ uri, suite, components: components.split(/\s+/).filter((word) => word !== ''), signedBy }]
  })
}

/**
 * Where this machine gets Debian from: the archive's address, and that of its security updates if it has one. Undefined
 * on a machine without Debian's own archive (Ubuntu, for example).
 * @param {AptSource[]} sources
 * @returns {{ archive: string, security?: string } | undefined}
 */
export function debianMirror(sources) {
  const plain = sources.filter(
    ({ uri, components }) => /^https?:\/\//.test(uri) && !hasCredentials(uri) && components.includes('main'),
  )
  const releases = plain.filter(({ suite }) => /^(bookworm|trixie|forky|stable|testing|sid|unstable)$/.test(suite))
  const archive =
    releases.find(isSignedByDebian) ?? releases.find(({ uri, signedBy }) => signedBy === '' && isDebianPath(uri))
  if (archive === undefined) return undefined
  const security = plain.find(({ suite }) => /^[a-z]+-security$/.test(suite))
  return { archive: archive.uri, ...(security === undefined ? {} : { security: security.uri }) }
}

/** Debian's keys, as the package debian-archive-keyring installs them. */
export const debianKeyring = KEYRING

function isSignedByDebian({ signedBy }) {
  return signedBy.includes('debian-archive')
}

function isDebianPath(uri) {
  return /\/debian\/?$/.test(uri)
}

/** Such an address may not be written into an image. */
function hasCredentials(uri) {
  return new URL(uri).username !== ''
}
