import { describe, expect, it } from 'vitest'
import { isMapped, ownerFor, SERVICE_USER } from './plan-folder-owner.ts'

describe('ownerFor', () => {
  it('takes over whoever the plan folder belongs to', () => {
    expect(ownerFor({ uid: 1000, gid: 20 }, false)).toEqual({ owner: { uid: 1000, gid: 20 }, give: false })
  })

  it("gives a folder of root's to the service user, because no service runs as root", () => {
    expect(ownerFor({ uid: 0, gid: 0 }, false)).toEqual({ owner: SERVICE_USER, give: true })
    expect(ownerFor({ uid: 0, gid: 1000 }, false)).toEqual({ owner: SERVICE_USER, give: true })
  })

  it("leaves root's folder alone where root is an ordinary person outside", () => {
    expect(ownerFor({ uid: 0, gid: 0 }, true)).toEqual({ owner: { uid: 0, gid: 0 }, give: false })
  })
})

describe('isMapped', () => {
  it.each([
    ['         0          0 4294967295\n', false],
    ['         0       1000          1\n         1     100000      65536\n', true],
    ['', false],
  ])('reads the uid map %j', (map, expected) => {
    expect(isMapped(map)).toBe(expected)
  })
})
