import { randomBytes } from 'node:crypto'
import { open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'

const PROBE_PREFIX = '.devbot-probe-'
/** Long enough for a busy machine; events come within milliseconds. */
const PROBE_WAIT_MS = 2_000

/**
 * File systems whose events leave out what other machines (or the host of a virtual machine) write. Numbers are
 * `f_type` of statfs(2) and linux/magic.h.
 */
const NETWORK_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB 2
  0x01021997, // 9P: WSL and other shares
  0x65735546, // FUSE: sshfs, Docker Desktop's shares, virtiofs
  0x786f4256, // VirtualBox shared folders
  0x00c36400, // Ceph
])

export function isProbeFileName(name: string): boolean {
  return name.startsWith(PROBE_PREFIX)
}

/** Whether a folder lies on a file system that is known not to tell of all changes. */
export async function isNetworkFileSystem(directory: string): Promise<boolean> {
  const { type } = await statfs(directory)
  return NETWORK_FILE_SYSTEMS.has(type >>> 0)
}

/**
 * Writes a hidden file, and sees whether the watcher notices it. Returns true, or why events cannot be relied on.
 * @param listen is given the function to call when the probe file is noticed.
 */
export async function deliversEvents(
  directory: string,
  listen: (onNoticed: () => void) => void,
): Promise<true | string> {
  const path = join(directory, `${PROBE_PREFIX}${randomBytes(6).toString('hex')}`)
  let timer: NodeJS.Timeout | undefined
  const noticed = new Promise<boolean>((resolve) => {
    listen(() => resolve(true))
    timer = setTimeout(() => resolve(false), PROBE_WAIT_MS)
  })
  try {
    await (await open(path, 'wx', 0o600)).close()
    return (await noticed) ? true : 'a probe file was not noticed'
  } catch {
    // Whatever keeps a file from being written here (a read-only mount, a full disk), it says nothing about events.
    return 'no probe file could be written'
  } finally {
    clearTimeout(timer)
    await rm(path, { force: true }).catch(() => {
      // The file was never made, or the folder is gone; there is nothing to clean up.
    })
  }
}
