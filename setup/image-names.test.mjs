import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BASE_IMAGES, DEVBOT_IMAGES } from './image-names.mjs'
import { root } from './run.mjs'

const read = (path) => readFileSync(join(root, path), 'utf8')

describe('the names of images', () => {
  it('are those that the Dockerfiles start from', () => {
    for (const { dockerfile } of Object.values(DEVBOT_IMAGES))
      expect(read(dockerfile)).toMatch(new RegExp(`^ARG NODE_IMAGE=${BASE_IMAGES.node}$`, 'm'))
  })

  it('are those that compose starts', () => {
    const compose = read('docker-compose.yml')
    expect(compose).toContain(BASE_IMAGES.redis)
    for (const { tag } of Object.values(DEVBOT_IMAGES)) expect(compose).toContain(tag)
  })

  it('are the services’ defaults', () => {
    const settings = read('packages/config/src/settings.ts')
    const version = /VERSION = '([^']+)'/.exec(settings)?.[1]
    for (const { tag } of Object.values(DEVBOT_IMAGES)) expect(settings).toContain(tag.replace(version, `\${VERSION}`))
  })

  it('is the one that Redis for tests falls back on', () => {
    expect(read('packages/queue/src/testing/redis-container.ts')).toContain(`'${BASE_IMAGES.redis}'`)
  })

  it('need nothing that only a registry has: no syntax line', () => {
    const files = [
      ...Object.values(DEVBOT_IMAGES).map(({ dockerfile }) => dockerfile),
      'setup/stand-ins/node.Dockerfile',
      'setup/stand-ins/redis.Dockerfile',
    ]
    for (const file of files.filter((path) => existsSync(join(root, path))))
      expect(read(file)).not.toMatch(/^#\s*syntax=/m)
  })
})
