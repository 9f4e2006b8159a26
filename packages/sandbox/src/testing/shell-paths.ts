import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where Debian has everything the sandbox needs; no folder of the person who runs the tests. */
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const BUSYBOX = '/usr/bin/busybox'
const BASH = '/bin/bash'

export type ShellPath = { readonly name: string; readonly pathEnvironment: string }

/**
 * The PATHs to test with: the system's own (dash on Debian) always; where they are installed, one with nothing but
 * busybox, and one whose sh is bash. They differ in shell, dd, find and tar.
 */
export function makeShellPaths(): { readonly paths: readonly ShellPath[]; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'devbot-shells-'))
  const paths: ShellPath[] = [{ name: 'the system shell', pathEnvironment: SYSTEM_PATH }]
  if (existsSync(BUSYBOX)) paths.push({ name: 'busybox', pathEnvironment: busyboxFolder(folder) })
  if (existsSync(BASH)) {
    mkdirSync(join(folder, 'bash'))
    symlinkSync(BASH, join(folder, 'bash', 'sh'))
    paths.push({ name: 'bash as sh', pathEnvironment: `${join(folder, 'bash')}:${SYSTEM_PATH}` })
  }
  return { paths, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

function busyboxFolder(folder: string): string {
  const path = join(folder, 'busybox')
  mkdirSync(path)
  const applets = execFileSync(BUSYBOX, ['--list'], { encoding: 'utf8' }).split('\n')
  for (const applet of applets.filter((name) => name !== '')) symlinkSync(BUSYBOX, join(path, applet))
  return path
}
