import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { debianMirror, readAptSources } from './apt-sources.mjs'

const folders = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function machineWith(files) {
  const folder = mkdtempSync(join(tmpdir(), 'devbot-apt-'))
  folders.push(folder)
  mkdirSync(join(folder, 'sources.list.d'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return readAptSources(folder)
}

const DEB822 = `Types: deb
# a comment inside
URIs: http://mirror.example/debian
Suites: bookworm
 bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`

describe('the machine’s package sources', () => {
  it('are read from deb822 files, with continued lines and comments', () => {
    const sources = machineWith({ 'sources.list.d/debian.sources': DEB822 })
    expect(sources.map(({ suite }) => suite)).toEqual(['bookworm', 'bookworm-updates', 'bookworm-security'])
    expect(debianMirror(sources)).toEqual({
      archive: 'http://mirror.example/debian',
      security: 'http://mirror.example/debian-security',
    })
  })

  it('are read from one-line files, with and without options', () => {
    const sources = machineWith({
      'sources.list': `# deb http://old.example/debian bookworm main
deb http://mirror.example/debian/ bookworm main contrib # ours
deb [arch=amd64 signed-by=/keys/other.gpg] https://other.example/tool stable main
deb-src http://mirror.example/debian bookworm main
`,
    })
    expect(sources.map(({ uri }) => uri)).toEqual(['http://mirror.example/debian/', 'https://other.example/tool'])
    expect(debianMirror(sources)).toEqual({ archive: 'http://mirror.example/debian/' })
  })

  it('leaves out what is disabled, source packages, and files of another kind', () => {
    const sources = machineWith({
      'sources.list.d/a.sources': DEB822.replace('Types: deb\n', 'Types: deb\nEnabled: no\n').replace(
        'deb deb-src',
        'deb-src',
      ),
      'sources.list.d/b.list.save': 'deb http://mirror.example/debian bookworm main\n',
    })
    expect(sources).toEqual([])
  })

  it('never takes another publisher’s archive, or one whose address holds a password, for Debian', () => {
    expect(
      debianMirror(
        machineWith({
          'sources.list': `deb [signed-by=/keys/other.gpg] https://other.example/debian stable main
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] https://user:secret@mirror.example/debian bookworm main
deb http://ubuntu.example/ubuntu noble main
`,
        }),
      ),
    ).toBeUndefined()
  })
})
