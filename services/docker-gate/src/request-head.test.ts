import { describe, expect, it } from 'vitest'
import { checkHead } from './request-head.ts'
import { parseCall } from './routes.ts'

const id = 'a'.repeat(64)
const ping = parseCall('GET', '/_ping')
const exec = parseCall('POST', `/containers/${id}/exec`)
const start = parseCall('POST', `/exec/${id}/start`)
const json = ['Content-Type', 'application/json']
const check = (call: typeof ping, rawHeaders: string[], httpVersion = '1.1') =>
  checkHead(call, { httpVersion, rawHeaders: ['Host', 'docker', ...rawHeaders] })

describe('checkHead', () => {
  it('takes what dockerode sends and says how long the body is', () => {
    expect(check(ping, ['Connection', 'keep-alive'])).toEqual({ bodyBytes: 0 })
    expect(check(exec, [...json, 'Content-Length', '65536', 'Connection', 'close'])).toEqual({ bodyBytes: 65_536 })
    expect(check(start, [...json, 'Content-Length', '2', 'Connection', 'Upgrade', 'Upgrade', 'tcp'])).toEqual({
      bodyBytes: 2,
    })
  })

  it.each([
    ['HTTP/1.0', ping, [], '1.0'],
    ['an unknown header', ping, ['X-Forwarded-For', 'a']],
    ['registry credentials', ping, ['X-Registry-Auth', 'e30=']],
    ['a header twice', ping, ['Accept', 'a', 'accept', 'b']],
    ['Transfer-Encoding', exec, [...json, 'Transfer-Encoding', 'chunked']],
    ['Expect', exec, [...json, 'Content-Length', '2', 'Expect', '100-continue']],
    ['a body of a call that has none', ping, [...json, 'Content-Length', '2']],
    ['no body of a call that has one', exec, json],
    ['a body that says nothing of its type', exec, ['Content-Length', '2']],
    ['a body in another charset', exec, ['Content-Type', 'application/json; charset=utf-16', 'Content-Length', '2']],
    ['a form', exec, ['Content-Type', 'text/plain', 'Content-Length', '2']],
    ['a body that is too long', exec, [...json, 'Content-Length', '65537']],
    ['a length with a sign', exec, [...json, 'Content-Length', '+2']],
    ['a length with a zero in front', exec, [...json, 'Content-Length', '02']],
    ['an upgrade of another call', ping, ['Connection', 'Upgrade', 'Upgrade', 'tcp']],
    ['another upgrade', start, [...json, 'Content-Length', '2', 'Connection', 'Upgrade', 'Upgrade', 'h2c']],
    ['two connection tokens', ping, ['Connection', 'close, x-secret']],
    ['an exec start without upgrade', start, [...json, 'Content-Length', '2']],
  ] as [string, typeof ping, string[], string?][])('refuses %s', (_what, call, headers, version) => {
    expect(() => check(call, headers, version)).toThrow(/docker-gate refuses this/)
  })
})
