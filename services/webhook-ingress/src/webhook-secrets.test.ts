import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger, Secret } from '@devbot/config'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createWebhookSecrets } from './webhook-secrets.ts'

const first = 'the first secret of all'
const second = 'the second secret of all'
let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'devbot-secret-'))
  path = join(folder, 'secret')
  writeFileSync(path, `${first}\n`)
})
afterEach(() => rmSync(folder, { recursive: true }))

function secretsAt() {
  const lines: string[] = []
  const clock = { nowMs: 0 }
  const log = createLogger({
    service: 'x',
    level: 'info',
    secrets: [],
    destination: { write: (line) => lines.push(line) },
  })
  const secrets = createWebhookSecrets(Secret.fromFile(path), log, () => clock.nowMs)
  return { lines, clock, secrets }
}

describe('createWebhookSecrets', () => {
  it('takes a rotated file up within five seconds', () => {
    const { clock, secrets } = secretsAt()
    writeFileSync(path, `${second}, ${first}`)
    clock.nowMs = 4_999
    expect(secrets()).toEqual([first])
    clock.nowMs = 5_000
    expect(secrets()).toEqual([second, first])
  })

  it.each([
    ['is gone', () => rmSync(path)],
    ['is empty', () => writeFileSync(path, '')],
    ['holds a short secret', () => writeFileSync(path, 'short')],
  ])('keeps the last good secret while the file %s, says so, and takes the next good one', (_what, spoil) => {
    const { lines, clock, secrets } = secretsAt()
    spoil()
    clock.nowMs = 5_000
    expect(secrets()).toEqual([first])
    expect(lines.join('')).toContain('GITHUB_WEBHOOK_SECRET')
    writeFileSync(path, second)
    clock.nowMs = 10_000
    expect(secrets()).toEqual([second])
  })
})
