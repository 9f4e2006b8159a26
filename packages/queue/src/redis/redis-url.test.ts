import { describe, expect, it } from 'vitest'
import { checkRedisUrl, isLoopbackAddress, redisAddress, withoutCredentials } from './redis-url.ts'

describe('isLoopbackAddress', () => {
  it.each([
    'redis://127.0.0.1:6379',
    'redis://127.9.8.7',
    'redis://localhost:1',
    'redis://LOCALHOST',
    'rediss://:pw@[::1]:6379',
    '/run/redis/redis.sock',
  ])('is true for %s', (url) => {
    expect(isLoopbackAddress(url)).toBe(true)
  })

  it.each([
    'redis://redis:6379',
    'redis://10.0.0.1',
    'redis://127.0.0.1.example.com',
    'redis://0.0.0.0',
    'redis://[2001:db8::1]',
    'redis://localhost:pw@example.com',
    'redis://localhost.example.com',
  ])('is false for %s', (url) => {
    expect(isLoopbackAddress(url)).toBe(false)
  })
})

describe('redisAddress', () => {
  it('shows neither user nor password', () => {
    expect(redisAddress('redis://user:secret@example.com:6380/3')).toBe('example.com:6380')
  })
})

describe('withoutCredentials', () => {
  it('keeps host, port and database', () => {
    expect(withoutCredentials('redis://user:secret@example.com:6380/3')).toBe('redis://example.com:6380/3')
  })
})

describe('checkRedisUrl', () => {
  it.each(['', 'localhost:6379', 'http://localhost', 'redis:/'])('refuses %j', (url) => {
    expect(() => checkRedisUrl(url)).toThrow(/REDIS_URL/)
  })
})
