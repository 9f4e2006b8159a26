import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, lstat, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLogger, Secret } from '@devbot/config'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SERVICE_USER } from './plan-folder-owner.ts'
import { REDIS_USER, redisConfiguration } from './redis-access.ts'
import { settleDemo } from './settle-demo.ts'
import { settleProject } from './settle-project.ts'

const isRoot = process.getuid?.() === 0
const PERSON = { uid: 4321, gid: 8765 }

let root: string
let lines: string[]
const at = (...parts: string[]) => join(root, ...parts)

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'devbot-init-'))
  lines = []
  await mkdir(at('plans'))
  await chown(at('plans'), PERSON.uid, PERSON.gid).catch(() => undefined)
  for (const volume of ['redis-data', 'data', 'gate', 'egress', 'egress-control', 'demo']) await mkdir(at(volume))
})
afterEach(() => rm(root, { recursive: true, force: true }))

function log() {
  const destination = { write: (line: string) => void lines.push(line) }
  return createLogger({ service: 'init', level: 'info', secrets: [], destination })
}

async function settle(webhookSecret?: string): Promise<void> {
  await settleProject(
    {
      plans: at('plans'),
      redisConfiguration: at('redis-conf'),
      redisData: at('redis-data'),
      ledger: at('ledger'),
      webhook: at('webhook'),
      data: at('data'),
      gate: at('gate'),
      egress: at('egress'),
      egressControl: at('egress-control'),
      demo: at('demo'),
    },
    { webhookSecret: webhookSecret === undefined ? undefined : Secret.of(webhookSecret), log: log() },
  )
}

async function access(...parts: string[]): Promise<string> {
  const found = await stat(at(...parts))
  return `${found.uid}:${found.gid} ${(found.mode & 0o7777).toString(8)}`
}

const text = async (...parts: string[]) => (await readFile(at(...parts), 'utf8')).trim()

describe.skipIf(!isRoot)('init', () => {
  it('makes the secrets by chance, each readable by those who need it only, and logs none', async () => {
    await settle()
    const password = await text('redis-conf', 'password')
    const webhookSecret = await text('webhook', 'webhook-secret')
    expect(password).toMatch(/^[0-9a-f]{64}$/)
    expect(webhookSecret).toMatch(/^[0-9a-f]{64}$/)
    expect(webhookSecret).not.toBe(password)
    expect(await text('ledger', 'redis-url')).toBe(`redis://devbot:${password}@redis:6379`)
    expect(await text('ledger', 'owner')).toBe('4321:8765')
    expect(await access('redis-conf', 'password')).toBe(`${REDIS_USER.uid}:${REDIS_USER.gid} 400`)
    expect(await access('redis-conf', 'redis.conf')).toBe(`${REDIS_USER.uid}:${REDIS_USER.gid} 400`)
    expect(await access('ledger', 'redis-url')).toBe(`4321:${SERVICE_USER.gid} 440`)
    expect(await access('webhook', 'webhook-secret')).toBe(`4321:${SERVICE_USER.gid} 440`)
    expect(await text('redis-conf', 'redis.conf')).not.toContain(password)
    expect(lines.join('')).not.toMatch(new RegExp(`${password}|${webhookSecret}`))
  })

  it('keeps what it made when it runs again', async () => {
    await settle()
    const before = [await text('ledger', 'redis-url'), await text('webhook', 'webhook-secret')]
    const written = await stat(at('ledger', 'redis-url'))
    await settle()
    expect([await text('ledger', 'redis-url'), await text('webhook', 'webhook-secret')]).toEqual(before)
    expect((await stat(at('ledger', 'redis-url'))).ino).toBe(written.ino)
  })

  it("lets the operator's webhook secret win, and keeps it when it is no longer said", async () => {
    await settle()
    await settle('the-operators-own-secret')
    expect(await text('webhook', 'webhook-secret')).toBe('the-operators-own-secret')
    await settle()
    expect(await text('webhook', 'webhook-secret')).toBe('the-operators-own-secret')
    expect(lines.join('')).not.toContain('the-operators-own-secret')
  })

  it("gives root's plan folder to the service user, says so, and leaves the files in it alone", async () => {
    await chown(at('plans'), 0, 0)
    await writeFile(at('plans', 'hello.md'), 'plan')
    await settle()
    expect(await text('ledger', 'owner')).toBe('10001:10001')
    expect((await stat(at('plans'))).uid).toBe(10_001)
    expect((await stat(at('plans', 'hello.md'))).uid).toBe(0)
    expect(lines.join('')).toContain('belonged to root')
  })

  it('gives the data to the new owner when the plan folder has changed hands, following no link', async () => {
    await settle()
    await mkdir(at('data', 'repositories'))
    await writeFile(at('data', 'repositories', 'HEAD'), 'x')
    await writeFile(at('outside'), 'x')
    await symlink(at('outside'), at('data', 'link'))
    await chown(at('plans'), 1111, 2222)
    await settle()
    expect((await stat(at('data'))).uid).toBe(1111)
    expect((await stat(at('data', 'repositories', 'HEAD'))).gid).toBe(2222)
    expect((await lstat(at('data', 'link'))).uid).toBe(1111)
    expect((await stat(at('outside'))).uid).toBe(0)
    expect(await access('ledger', 'redis-url')).toBe(`1111:${SERVICE_USER.gid} 440`)
  })

  it('prepares the folders of sockets: their maker owns them, those who connect are their group', async () => {
    await settle()
    expect(await access('gate')).toBe('10002:8765 2750')
    expect(await access('egress-control')).toBe('10001:8765 2750')
    expect(await access('egress')).toBe('10001:10001 711')
    await chown(at('plans'), 1111, 2222)
    await settle()
    expect(await access('gate')).toBe('10002:2222 2750')
  })

  it('replaces what an interrupted run left half-written', async () => {
    await mkdir(at('ledger'))
    await writeFile(at('ledger', 'redis-url.new'), 'half')
    await settle()
    expect(await text('ledger', 'redis-url')).toMatch(/^redis:/)
  })

  it('says what to do when the plan folder is none', async () => {
    await rm(at('plans'), { recursive: true })
    await writeFile(at('plans'), '')
    await expect(settle()).rejects.toThrow(/AI_DOCS_DIR: .*is not a folder/)
  })

  it('prepares the demo after it, and takes it back when the demo is no longer asked for', async () => {
    const demo = () =>
      settleDemo(
        {
          demo: at('demo'),
          github: at('github'),
          githubData: at('github-data'),
          sampleRepository: '/app/demo/sample-repository',
          ledger: at('ledger'),
        },
        { instance: 'devbot', githubPort: 8090, log: log() },
      )
    await settle()
    await demo()
    const token = await text('github', 'ada-token')
    expect(await text('demo', 'settings.env')).toMatch(/^DEVBOT_INSTANCE=devbot-demo$/m)
    expect(await text('demo', 'settings.env')).not.toMatch(/demo-[0-9a-f]{64}/)
    expect(await text('github', 'local-github.json')).toContain(token)
    expect(await access('github', 'local-github.json')).toBe('10001:10001 400')
    expect(await access('demo', 'bot-token')).toBe('4321:0 400')
    expect(lines.join('')).not.toContain(token)
    await demo()
    expect(await text('github', 'ada-token')).toBe(token)
    await settle()
    await expect(text('demo', 'settings.env')).rejects.toThrow('ENOENT')
  })

  it('does not prepare the demo before the project', async () => {
    const folders = {
      demo: at('demo'),
      github: at('g'),
      githubData: at('gd'),
      sampleRepository: '/',
      ledger: at('ledger'),
    }
    await expect(settleDemo(folders, { instance: 'devbot', githubPort: 1, log: log() })).rejects.toThrow(/init/)
  })
})

describe("Redis' configuration", () => {
  it('lets a real Redis start, answers the password only, allows nothing dangerous, and loses nothing at a restart', async () => {
    const socket = at('redis.sock')
    const configuration = redisConfiguration('the-password')
      .replace('port 6379', `port 0\nunixsocket ${socket}`)
      .replace('dir /data', `dir ${root}`)
    await writeFile(at('redis.conf'), configuration)
    let server = spawn('redis-server', [at('redis.conf')], { stdio: 'ignore' })
    try {
      const ask = async (auth: string, ...command: string[]) => {
        const client = spawn('redis-cli', ['-s', socket, '--user', 'devbot', ...command], {
          env: { PATH: process.env.PATH, REDISCLI_AUTH: auth },
        })
        let answer = ''
        for (const stream of [client.stdout, client.stderr]) stream.on('data', (chunk) => (answer += String(chunk)))
        await once(client, 'close')
        return answer.trim()
      }
      for (let wait = 0; wait < 50 && (await ask('the-password', 'ping')) !== 'PONG'; wait += 1) await sleep(100)
      expect(await ask('the-password', 'ping')).toBe('PONG')
      expect(await ask('the-password', 'config', 'get', 'appendfsync')).toContain('always')
      expect(await ask('the-password', 'config', 'get', 'maxmemory-policy')).toContain('noeviction')
      expect(await ask('another', 'ping')).not.toContain('PONG')
      for (const dangerous of [['flushall'], ['config', 'set', 'dir', '/'], ['shutdown'], ['acl', 'list']]) {
        expect(await ask('the-password', ...dangerous)).toContain('NOPERM')
      }
      // What a script changed in one go is in the file as a transaction.
      await ask('the-password', 'eval', "redis.call('set', 'a', 1) redis.call('set', 'b', 2) return 1", '0')
      server.kill('SIGKILL')
      await once(server, 'exit')
      server = spawn('redis-server', [at('redis.conf')], { stdio: 'ignore' })
      for (let wait = 0; wait < 50 && (await ask('the-password', 'ping')) !== 'PONG'; wait += 1) await sleep(100)
      expect(await ask('the-password', 'mget', 'a', 'b')).toBe('1\n2')
    } finally {
      server.kill()
      await once(server, 'exit')
    }
  })
})
