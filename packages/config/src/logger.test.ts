import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createLogger } from './logger.ts'
import { Secret } from './secret.ts'

function loggerInto(lines: string[], secrets: Secret[]) {
  return createLogger({
    service: 'test',
    level: 'trace',
    secrets,
    destination: { write: (line) => void lines.push(line) },
  })
}

describe('createLogger', () => {
  it('replaces a known secret in every encoding, wherever in the line it stands', () => {
    const value = 'ghp_"quoted"/and+more=42'
    const lines: string[] = []
    const log = loggerInto(lines, [Secret.of(value)])
    log.info({ url: `http://x/?t=${encodeURIComponent(value)}` }, value)
    log.error({ error: new Error(`refused: ${value}`) }, Buffer.from(value).toString('base64'))
    log.warn({ nested: { hex: Buffer.from(value).toString('hex'), url: Buffer.from(value).toString('base64url') } })
    const text = lines.join('')
    expect(text.match(/\[secret\]/g)?.length).toBeGreaterThanOrEqual(6)
    expect(text).not.toMatch(/ghp_|quoted|Z2hwXy|6768705f/)
  })

  it('keeps lines whole and parseable', () => {
    const lines: string[] = []
    loggerInto(lines, [Secret.of('0123456789abcdef')]).info({ count: 3 }, 'hello')
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ service: 'test', count: 3, msg: 'hello' })
  })
})

describe('Secret', () => {
  it('shows nothing when printed, serialised or inspected', () => {
    const secret = Secret.of('very-secret-value')
    const shown = `${secret} ${JSON.stringify({ secret })} ${inspect({ secret }, { depth: 5, showHidden: true })}`
    expect(shown).not.toContain('very-secret-value')
  })
})
