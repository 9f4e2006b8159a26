import { describe, expect, it } from 'vitest'
import { assertProcessDriverAllowed } from './assert-process-driver-allowed.ts'

const loopback = {
  modelUrl: 'http://localhost:4000',
  githubUrl: 'http://127.0.0.1:5000',
  githubApiUrl: 'http://[::1]:5001/api/v3',
}

describe('assertProcessDriverAllowed', () => {
  it('allows addresses that are all on this machine, however they are spelt', () => {
    expect(() => assertProcessDriverAllowed(loopback)).not.toThrow()
    expect(() => assertProcessDriverAllowed({ ...loopback, modelUrl: 'http://127.255.1.2' })).not.toThrow()
    expect(() => assertProcessDriverAllowed({ ...loopback, modelUrl: 'http://0x7f.1/' })).not.toThrow()
    expect(() => assertProcessDriverAllowed({ ...loopback, modelUrl: 'http://LOCALHOST/' })).not.toThrow()
  })

  it.each([
    'https://api.example.com',
    'http://localhost.example.com',
    'http://127.0.0.1.example.com',
    'http://127.example.com',
    'http://localhost@10.0.0.1/',
    'http://0.0.0.0:80',
    'http://[::]/',
    'http://[::ffff:127.0.0.1]/',
    'http://128.0.0.1/',
    'http://localhost./',
    'http://sub.localhost/',
    'file:///etc/passwd',
    'localhost:4000',
    'not a url',
    '',
  ])('refuses %s for each of the three', (url) => {
    for (const name of ['modelUrl', 'githubUrl', 'githubApiUrl']) {
      expect(() => assertProcessDriverAllowed({ ...loopback, [name]: url })).toThrow(
        expect.objectContaining({ category: 'config', message: expect.stringContaining(name) }),
      )
    }
  })
})
