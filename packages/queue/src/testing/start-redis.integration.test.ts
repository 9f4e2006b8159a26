import { access } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, it } from 'vitest'
import { type StartedRedis, startRedis } from './start-redis.ts'

const started: StartedRedis[] = []

async function start(options?: Parameters<typeof startRedis>[0]) {
  const redis = await startRedis(options)
  started.push(redis)
  return redis
}

async function ask<T>(url: string, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url)
  // The question below fails with the same error.
  client.on('error', () => undefined)
  try {
    return await question(client)
  } finally {
    client.disconnect()
  }
}

afterEach(async () => {
  for (const redis of started.splice(0)) await redis.stop()
})

describe('startRedis', () => {
  it('keeps what was written when it is killed and started again', async () => {
    const redis = await start()
    await ask(redis.url, (client) => client.set('a', '1'))
    await redis.kill()
    await redis.restart()
    expect(await ask(redis.url, (client) => client.get('a'))).toBe('1')
  })

  it('asks for the password it was given, also after a restart', async () => {
    const redis = await start({ password: 'p w"#1\\' })
    await redis.restart()
    expect(await ask(redis.url, (client) => client.ping())).toBe('PONG')
    const withoutPassword = new URL(redis.url)
    withoutPassword.password = ''
    await expect(ask(withoutPassword.href, (client) => client.ping())).rejects.toThrow(/NOAUTH/)
  })

  it('removes the directory it made when it stops', async () => {
    const redis = await start()
    await redis.stop()
    await expect(access(redis.directory)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('starts several servers side by side', async () => {
    const servers = await Promise.all([start(), start(), start()])
    expect(new Set(servers.map((redis) => redis.url)).size).toBe(3)
  })

  // `npm test` says so where an engine and the image are there.
  it.skipIf(process.env.DEVBOT_SANDBOX !== 'docker')('runs in a container where there is no redis-server', async () => {
    const usual = process.env.PATH
    process.env.PATH = '/nowhere'
    try {
      const redis = await start({ password: 'in a container' })
      await ask(redis.url, (client) => client.set('a', '1'))
      await redis.kill()
      await redis.restart()
      expect(await ask(redis.url, (client) => client.get('a'))).toBe('1')
    } finally {
      process.env.PATH = usual
    }
  })

  it('says so when the port it was told to use is taken', async () => {
    const redis = await start()
    const port = Number(new URL(redis.url).port)
    await expect(start({ port })).rejects.toMatchObject({ code: 'redis-exited' })
  })
})
