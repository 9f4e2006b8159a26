import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeDockerDriver, removeInstance } from '../testing/docker-pods.ts'
import { generous, tarOf, text } from '../testing/make-sandbox.ts'
import { buildTestImage, engineAnswers, removeTestImage } from '../testing/test-images.ts'

const dockerHost = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock'
const image = `devbot-test-own-path:${randomBytes(4).toString('hex')}`

describe.skipIf(!(await engineAnswers(dockerHost)))(
  'killing everything where the image looks for programs in home',
  () => {
    beforeAll(() =>
      buildTestImage(dockerHost, image, ['ENV PATH=/sandbox/home/.local/bin:/usr/local/bin:/usr/bin:/bin']),
    )
    afterAll(() => removeTestImage(dockerHost, image))

    it('runs no shell of the sandbox, neither to kill nor as the keeper, and leaves nothing running', async () => {
      const { driver, instance, spec } = await makeDockerDriver(dockerHost, { sandboxImage: image })
      try {
        await using sandbox = await driver.create(spec)
        await sandbox.importTree(tarOf({ 'a.txt': 'a' }))
        const planted = await sandbox.exec(PLANT_SHELL, generous)
        expect(planted.exitCode, text(planted)).toBe(0)
        const change = await sandbox.exportChange({ maxFiles: 100, maxBytes: 1e6 })
        expect(change.entries.map(({ path }) => path)).toEqual(['started'])
        const left = await sandbox.exec(
          'sleep 0.5; ls; cat /proc/[0-9]*/cmdline | tr "\\0" " " | grep -c "[s]leep 98765"',
          generous,
        )
        expect(text(left)).toBe('a.txt\nstarted\n0\n')
      } finally {
        await removeInstance(dockerHost, instance)
      }
    })
  },
)

/** A shell that says whoever runs it, does not kill, and a process that has to be gone. */
const PLANT_SHELL = `
chmod 755 /sandbox /sandbox/home && chmod 777 . && mkdir -p ~/.local/bin && chmod -R 755 ~/.local
cat >~/.local/bin/sh <<'X'
#!/bin/dash
if [ "$(id -u)" = 65533 ]; then : >/sandbox/workspace/ran-as-keeper; exit 0; fi
case "$*" in *"kill -9 -1"*) : >/sandbox/workspace/asked-to-kill; exit 0 ;; esac
exec /bin/dash "$@"
X
chmod 755 ~/.local/bin/sh
setsid sleep 98765 >/dev/null 2>&1 </dev/null &
: >started`
