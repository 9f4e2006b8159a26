import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { endReason } from './docker-engine.ts'
import { engineError, engineStatus, isNotFound } from './engine-error.ts'
import { readPullProgress } from './pull-progress.ts'
import { parseFigures } from './watch-disk.ts'

const HOST = 'unix:///run/engine.sock'
const answer = (statusCode: number, message: string) =>
  Object.assign(new Error('vendor text'), { statusCode, json: { message } })

describe('engineError', () => {
  it('says where no engine answers and what to look at, and that it may pass', () => {
    const refused = Object.assign(new Error('x'), { code: 'ECONNREFUSED' })
    expect(engineError('creating a container', refused, HOST)).toMatchObject({
      category: 'sandbox',
      code: 'engine-unreachable',
      message: expect.stringMatching(/run\/engine\.sock.*ECONNREFUSED while creating a container.*DOCKER_HOST/),
      details: { passing: true },
    })
  })

  it.each([
    [500, 'engine-failed', true],
    [503, 'engine-failed', true],
    [403, 'engine-refused', false],
    [400, 'engine-refused', false],
  ])('tells the status %i as %s', (status, code, passing) => {
    const error = engineError('starting', answer(status, 'a\nlong  story \u001b[31m'), HOST)
    expect(error).toMatchObject({ category: 'sandbox', code, details: { status, passing } })
    expect(error.message).toMatch(/: a long story \[31m$/)
    expect(engineStatus(error)).toBe(status)
  })

  it('knows what is not there', () => {
    expect(isNotFound(engineError('looking', answer(404, 'gone'), HOST))).toBe(true)
    expect(isNotFound(engineError('looking', new Error('gone'), HOST))).toBe(false)
  })
})

describe('endReason', () => {
  it.each([
    [{ running: false, outOfMemory: true, exitCode: 137 }, 'sandbox-out-of-memory'],
    [{ running: false, outOfMemory: true, exitCode: 0 }, 'sandbox-lifetime-over'],
    [{ running: false, outOfMemory: false, exitCode: 0 }, 'sandbox-lifetime-over'],
    [{ running: false, outOfMemory: false, exitCode: 137 }, 'sandbox-gone'],
    [undefined, 'sandbox-gone'],
  ])('of %j is %s', (state, code) => {
    expect(endReason(state)).toMatchObject({ category: 'sandbox', code })
  })
})

describe('readPullProgress', () => {
  const read = (...lines: string[]) =>
    readPullProgress(Readable.from(lines, { objectMode: false }), 'an/image:1', new AbortController().signal)

  it('passes over progress and lines that are none', async () => {
    await expect(read('{"status":"Pulling"}\n', 'nonsense\n{"sta', 'tus":"Done"}\n', '')).resolves.toBeUndefined()
  })

  it('throws the reason with the name of the image, also from a last line without an end', async () => {
    for (const end of ['\n', '']) {
      await expect(read('{"status":"x"}\n{"err', `or":"access\\ndenied"}${end}`)).rejects.toMatchObject({
        code: 'image-pull-refused',
        message: expect.stringMatching(/an\/image:1.*access denied/),
      })
    }
  })
})

describe('parseFigures', () => {
  it('takes what stat prints and nothing else', () => {
    expect(parseFigures('4096 1000 400 200 150')).toEqual({ bytes: 600 * 4096, inodes: 50 })
    for (const line of [
      '',
      '4096 1000 400 200',
      '4096 1000 400 200 150 1',
      '-1 2 3 4 5',
      `1 2 3 4 ${'9'.repeat(30)}`,
    ]) {
      expect(parseFigures(line)).toBeUndefined()
    }
  })
})
