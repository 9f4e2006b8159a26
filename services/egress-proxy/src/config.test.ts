import { describe, expect, it } from 'vitest'
import { loadEgressProxyConfig } from './config.ts'

describe('loadEgressProxyConfig', () => {
  it('allows nothing by default', () => {
    const config = loadEgressProxyConfig({})
    expect(config.allow.size).toBe(0)
    expect(config).toMatchObject({
      socketFolder: '/run/egress',
      controlSocket: '/run/egress-control/control.sock',
      opsPort: 9464,
    })
  })

  it('names every bad entry and every bad path at once', () => {
    const load = () =>
      loadEgressProxyConfig({
        EGRESS_ALLOW: 'good.example,*.bad.example,https://worse.example',
        EGRESS_SOCKET_FOLDER: 'relative',
        EGRESS_CONTROL_SOCKET: `/${'x'.repeat(200)}`,
        EGRESS_FROM_POLICY: 'yes',
      })
    for (const word of [
      'EGRESS_ALLOW',
      '*.bad.example',
      'https://worse.example',
      'EGRESS_SOCKET_FOLDER',
      'EGRESS_CONTROL_SOCKET',
      'EGRESS_FROM_POLICY: malformed; expected true or false',
    ])
      expect(load).toThrow(word)
  })
})
