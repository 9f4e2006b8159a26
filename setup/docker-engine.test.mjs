import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ensureEngine } from './docker-engine.mjs'
import { createStages } from './stages.mjs'

// A stand-in for the engine: the real one is started by the tests of a fresh machine (AGENTS.md).
const DAEMON = `#!${process.execPath}
require('node:http')
  .createServer((request, response) => response.end(request.url === '/version' ? '{"Version":"1.2.3"}' : process.argv[3]))
  .listen(process.argv[2])
process.on('SIGTERM', () => {
  require('node:fs').appendFileSync(process.argv[2] + '.said', 'SIGTERM ' + process.pid)
  process.exit(0)
})
`

describe('the Docker engine', () => {
  let folder
  let socket
  let said = ''
  const usualPath = process.env.PATH
  const stages = createStages((text) => {
    said += text
  })

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'devbot-engine-'))
    socket = join(folder, 'engine.sock')
    said = ''
  })
  afterEach(() => {
    process.env.PATH = usualPath
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  function place(daemon, { containers = '[]', mayChange = true } = {}) {
    writeFileSync(join(folder, 'dockerd'), daemon)
    chmodSync(join(folder, 'dockerd'), 0o755)
    process.env.PATH = `${folder}:${usualPath}`
    return {
      folder: join(folder, 'own'),
      daemonArgs: [socket, containers],
      findSocket: async () => ({ path: socket, chosen: false }),
      mayChange: async () => mayChange,
    }
  }
  const pid = () => JSON.parse(readFileSync(join(folder, 'own', 'dockerd.json'), 'utf8')).pid
  const wasStopped = () => (existsSync(`${socket}.said`) ? readFileSync(`${socket}.said`, 'utf8') : '')

  it('is started where none answers, and ended by its process number when it is not used any more', async () => {
    const engine = await ensureEngine(stages, place(DAEMON))
    const started = pid()
    expect(engine.socket).toBe(socket)
    await engine.release()
    expect(wasStopped()).toBe(`SIGTERM ${started}`)
    expect(said).toMatch(/starting the Docker engine/)
  })

  it('lives on as long as another command of this checkout uses it', async () => {
    const here = place(DAEMON)
    const first = await ensureEngine(stages, here)
    // The other command: this process's parent lives longer than the test.
    const other = process.ppid
    const started = readFileSync(`/proc/${other}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[19]
    writeFileSync(join(here.folder, 'users', String(other)), JSON.stringify({ pid: other, started }))
    await first.release()
    expect(wasStopped()).toBe('')
    rmSync(join(here.folder, 'users', String(other)))
    await (await ensureEngine(stages, here)).release()
    expect(wasStopped()).toMatch(/SIGTERM/)
  })

  it('is left running, with a word how to stop it, while containers of others run on it', async () => {
    const here = place(DAEMON, { containers: '[{"Names":["/database"],"Labels":{}}]' })
    const engine = await ensureEngine(stages, here)
    await engine.release()
    expect(wasStopped()).toBe('')
    expect(said).toMatch(new RegExp(`keeps running for database; .kill ${pid()}.`))
    process.kill(pid(), 'SIGTERM')
    await expect.poll(wasStopped).toMatch(/SIGTERM/)
  })

  it('is not ours to stop when it answered before we came', async () => {
    const theirs = await ensureEngine(stages, place(DAEMON))
    const ours = await ensureEngine(stages, { ...place(DAEMON), folder: join(folder, 'another') })
    await ours.release()
    expect(wasStopped()).toBe('')
    await theirs.release()
  })

  it('that cannot be started is told with the end of its log', async () => {
    const engine = await ensureEngine(
      stages,
      place('#!/bin/sh\necho failed to mount: operation not permitted\nexit 1\n'),
    )
    expect(engine.problem).toMatch(/could not be started: it ended with 1[\s\S]*operation not permitted/)
  })

  it('is not started where the machine may not be changed', async () => {
    const engine = await ensureEngine(stages, place(DAEMON, { mayChange: false }))
    expect(engine).toEqual({ problem: `no Docker engine answers at ${socket}` })
  })
})
