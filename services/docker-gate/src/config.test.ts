import { DevBotError } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { loadGateConfig } from './config.ts'

describe('loadGateConfig', () => {
  it('needs nothing', () => {
    expect(loadGateConfig({})).toMatchObject({
      instance: 'devbot',
      gateSocket: '/run/docker-gate/docker.sock',
      dockerSocket: '/var/run/docker.sock',
      gateSocketMode: '0660',
      maxSandboxes: 64,
      memoryBytes: 2 * 1024 ** 3,
    })
  })

  it.each([
    ['GATE_SOCKET', 'docker.sock'],
    ['GATE_SOCKET', `/${'x'.repeat(107)}`],
    ['GATE_SOCKET_MODE', '0777'],
    ['DOCKER_SOCKET', 'tcp://127.0.0.1:2375'],
    ['GATE_MAX_SANDBOXES', '0'],
    ['SANDBOX_IMAGE', '../x'],
    ['IMAGES_ALLOWED', 'good/*,bad image'],
    ['SERVICE_MEMORY', '1m'],
    ['SERVICE_DISK', 'much'],
  ])('refuses %s=%s, naming it', (name, value) => {
    const load = () => loadGateConfig({ [name]: value })
    expect(load).toThrow(DevBotError)
    expect(load).toThrow(name)
  })
})
