import { CONTAINER_LABELS } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { isLongExpired, parsePartName, partOf } from './part-name.ts'

const podId = '0123456789abcdef01234567'
const labels = {
  [CONTAINER_LABELS.instance]: 'a-b',
  [CONTAINER_LABELS.pod]: podId,
  [CONTAINER_LABELS.role]: 'anchor',
}

describe('parsePartName', () => {
  it('finds the instance however many dashes it has', () => {
    expect(parsePartName(`devbot-a-b-${podId}-anchor`)).toEqual({ instance: 'a-b', podId, role: 'anchor' })
    expect(parsePartName(`devbot-x-${podId}-anchor-${podId}-workspace`)?.instance).toBe(`x-${podId}-anchor`)
  })

  it('finds which service it is', () => {
    expect(parsePartName(`devbot-a-${podId}-service-db-1`)).toEqual({
      instance: 'a',
      podId,
      role: 'service',
      service: 'db-1',
    })
  })

  it.each([
    'devbot',
    `devbot-a-${podId}-service`,
    `devbot-a-${podId}-service-`,
    `devbot-a-${podId}-service-1db`,
    `devbot-a-${podId}-service-DB`,
    `devbot-a-${podId}-service-${'d'.repeat(32)}`,
    `devbot--${podId}-anchor`,
    `devbot-a-${podId}-root`,
    `devbot-a-${podId.slice(1)}-anchor`,
    `devbot-A-${podId}-anchor`,
    ` devbot-a-${podId}-anchor`,
    `devbot-a-${podId}-anchor\n`,
    `/devbot-a-${podId}-anchor`,
    `devbot-${'a'.repeat(41)}-${podId}-anchor`,
  ])('finds nothing in %j', (name) => {
    expect(parsePartName(name)).toBeUndefined()
  })
})

describe('partOf', () => {
  it('needs name and labels to say the same', () => {
    const name = `devbot-a-b-${podId}-anchor`
    expect(partOf(name, labels)).toEqual({ instance: 'a-b', podId, role: 'anchor' })
    expect(partOf('web', labels)).toBeUndefined()
    for (const key of Object.keys(labels)) expect(partOf(name, { ...labels, [key]: 'sandbox' })).toBeUndefined()
    expect(partOf(name, {})).toBeUndefined()
  })

  it('needs a service to be the one that its label says', () => {
    const name = `devbot-a-b-${podId}-service-db`
    const service = { ...labels, [CONTAINER_LABELS.role]: 'service' }
    expect(partOf(name, { ...service, [CONTAINER_LABELS.service]: 'db' })?.role).toBe('service')
    expect(partOf(name, { ...service, [CONTAINER_LABELS.service]: 'other' })).toBeUndefined()
    expect(partOf(name, service)).toBeUndefined()
  })
})

describe('isLongExpired', () => {
  const at = (expires: string) => isLongExpired({ [CONTAINER_LABELS.expires]: expires }, 1_790_000_000_000)
  it('is so a day after the label says', () => {
    expect(at(String(1_790_000_000_000 - 86_400_001))).toBe(true)
    expect(at(String(1_790_000_000_000 - 86_400_000))).toBe(false)
  })

  it.each(['', '0', '-1', 'NaN', '1e3', ' 1600000000000', '01600000000000'])('is not so for %j', (expires) => {
    expect(at(expires)).toBe(false)
  })
})
