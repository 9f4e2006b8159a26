import { describe, expect, it } from 'vitest'
import { imageNameSchema, isImageAllowed, sideServiceSchema } from './side-service.ts'

describe('isImageAllowed', () => {
  it.each([
    ['postgres:16', [], true],
    ['postgres:16', ['postgres:16'], true],
    ['postgres:16', ['*'], true],
    ['postgres:16', ['redis:7', 'postgres:*'], true],
    ['ghcr.io/acme/a/b:1', ['ghcr.io/acme/*'], true],
    ['ghcr.io/acme/a:1@sha256:0', ['ghcr.io/*/a:*@sha256:*'], true],
    ['postgres:16', ['postgres'], false],
    ['postgres', ['postgres:*'], false],
    ['docker.io/library/postgres:16', ['postgres:*'], false],
    ['ghcr.io.evil.example/acme/a', ['ghcr.io/acme/*'], false],
    ['evil.example/ghcr.io/acme/a', ['ghcr.io/acme/*'], false],
    ['ab', ['ab*b'], false],
    ['a', ['a*a'], false],
    ['axbxc', ['a*b*c*c'], false],
    ['axbxcc', ['a*b*c*c'], true],
    ['postgresx', ['postgres.'], false],
  ])('%s by %j: %j', (name, allowed, expected) => {
    expect(isImageAllowed(name, allowed)).toBe(expected)
  })

  it('takes no time for a pattern of many stars', () => {
    expect(isImageAllowed('a'.repeat(255), [`${'*a'.repeat(100)}b`])).toBe(false)
  })
})

describe('a side service', () => {
  const good = { name: 'db', image: 'postgres:16', port: 5432 }

  it('starts with nothing in its environment, and has a minute', () => {
    expect(sideServiceSchema.parse(good)).toEqual({ ...good, env: {}, start_seconds: 60 })
  })

  it.each([
    { name: 'Db' },
    { name: '-db' },
    { image: 'Postgres' },
    { image: '-v' },
    { image: 'a b' },
    { port: 0 },
    { port: 70_000 },
    { port: 1.5 },
    { env: { '1A': 'x' } },
    { env: { A: 'x\0y' } },
    { command: [] },
    { command: ['a\nb'] },
    { health: 'pg_isready' },
    { start_seconds: 601 },
    { privileged: true },
  ])('is refused with %o', (wrong) => {
    expect(sideServiceSchema.safeParse({ ...good, ...wrong }).success).toBe(false)
  })

  it('may have an image by digest', () => {
    expect(imageNameSchema.safeParse(`ghcr.io/acme/db:1@sha256:${'0'.repeat(64)}`).success).toBe(true)
  })
})
