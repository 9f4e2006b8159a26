import { SANDBOX_PATHS } from '@devbot/contracts'

/** For an image that has busybox and no links to it: appended to PATH, so that the image's own programs come first. */
const LINKS = `${SANDBOX_PATHS.root}/bin`

/**
 * Every process of a sandbox starts through this shell, which then becomes it. The first one makes the folders. A shell in
 * between also gives 127 for a program that does not exist, where engines differ. It is the image's own, by its path.
 */
const ENTER = `
if [ -d ${LINKS} ]; then PATH=$PATH:${LINKS}; fi
cd ${SANDBOX_PATHS.workspace} 2>/dev/null || {
  for program in cat chmod dd env find kill mkdir mkfifo rm setsid tar wc; do
    if ! command -v "$program" >/dev/null; then
      busybox mkdir -p ${LINKS} && busybox --install -s ${LINKS} && PATH=$PATH:${LINKS}
      break
    fi
  done
  mkdir -p ${SANDBOX_PATHS.workspace} ${SANDBOX_PATHS.home} ${SANDBOX_PATHS.scratch} && cd ${SANDBOX_PATHS.workspace} || exit 126
}
exec "$@"`

/** The argument list that runs `argv` in the workspace. */
export function inSandbox(argv: readonly string[]): readonly string[] {
  return ['/bin/sh', '-c', ENTER, 'sh', ...argv]
}
