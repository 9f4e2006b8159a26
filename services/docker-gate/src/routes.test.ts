import { describe, expect, it } from 'vitest'
import { parseCall } from './routes.ts'

const id = 'a'.repeat(64)
const pod = '0123456789abcdef01234567'
const filters = encodeURIComponent('{"label":["dev.devbot.instance"]}')

describe('parseCall', () => {
  it.each([
    ['GET', '/_ping', 'ping', ''],
    ['GET', '/version', 'version', ''],
    ['GET', '/v1.41/version', 'version', ''],
    ['GET', '/images/devbot-sandbox:0.1.0/json', 'image-inspect', 'devbot-sandbox:0.1.0'],
    ['GET', `/v1.99/images/127.0.0.1:5000/a/b@sha256:${id}/json`, 'image-inspect', `127.0.0.1:5000/a/b@sha256:${id}`],
    ['POST', '/images/create?fromImage=127.0.0.1%3A5000%2Fa&tag=1', 'image-pull', ''],
    ['POST', `/containers/create?name=devbot-x-${pod}-anchor`, 'container-create', ''],
    ['POST', `/containers/${id}/start?`, 'container-start', id],
    ['GET', `/containers/devbot-a-b-${pod}-sandbox/json?`, 'container-inspect', `devbot-a-b-${pod}-sandbox`],
    ['GET', `/containers/${id}/logs?stdout=true&stderr=true&tail=40`, 'container-logs', id],
    ['POST', `/containers/devbot-a-${pod}-service-db-1/start`, 'container-start', `devbot-a-${pod}-service-db-1`],
    ['DELETE', `/containers/${id}?v=1&force=true`, 'container-remove', id],
    ['GET', `/containers/json?all=true&filters=${filters}`, 'container-list', ''],
    ['POST', `/v1.41/containers/${id}/exec`, 'exec-create', id],
    ['POST', `/exec/${id}/start`, 'exec-start', id],
    ['GET', `/exec/${id}/json`, 'exec-inspect', id],
    ['POST', '/volumes/create?', 'volume-create', ''],
    ['DELETE', `/volumes/devbot-x-${pod}-workspace`, 'volume-remove', `devbot-x-${pod}-workspace`],
    ['GET', `/volumes?filters=${filters}`, 'volume-list', ''],
  ])('knows %s %s', (method, target, kind, part) => {
    expect(parseCall(method, target)).toMatchObject({ kind, part })
  })

  it('decodes a query value once', () => {
    const { query } = parseCall('GET', `/volumes?filters=${filters}`)
    expect(query.get('filters')).toBe('{"label":["dev.devbot.instance"]}')
  })

  it.each([
    ['POST', '/_ping'],
    ['HEAD', '/_ping'],
    ['get', '/_ping'],
    ['GET', ''],
    ['GET', '*'],
    ['GET', '//_ping'],
    ['GET', '/_ping/'],
    ['GET', '/_PING'],
    ['GET', '/_ping\n'],
    ['GET', '/_ping#x'],
    ['GET', '/_ping?x=1'],
    ['GET', '/_ping??'],
    ['GET', '/%5fping'],
    ['GET', 'http://docker/_ping'],
    ['GET', '/v1.40/_ping'],
    ['GET', '/v1.100/_ping'],
    ['GET', '/v2.41/_ping'],
    ['GET', '/v1.41/v1.41/_ping'],
    ['GET', '/v1x41/_ping'],
    ['GET', '/images/json'],
    ['GET', '/images/x/../../containers/json'],
    ['GET', '/images/x/history'],
    ['GET', '/containers/json'],
    ['GET', '/containers/json?all=true'],
    ['GET', `/containers/json?filters=${filters}&size=true`],
    ['GET', `/containers/json?filters=${filters}&filters=${filters}`],
    ['GET', `/containers/json?filters=${encodeURIComponent(filters)}`],
    ['GET', `/containers/json?filters=${filters}&all=false`],
    ['GET', `/containers/json?Filters=${filters}`],
    ['GET', `/containers/json?filters=${filters};all=true`],
    ['GET', `/containers/${id.slice(1)}/json`],
    ['GET', `/containers/${id.toUpperCase()}/json`],
    ['GET', `/containers/${id}/json?size=1`],
    ['GET', `/containers/web/json`],
    ['GET', `/containers/${id}/logs`],
    ['GET', `/containers/${id}/logs?stdout=true&stderr=true`],
    ['GET', `/containers/${id}/logs?stdout=true&stderr=true&tail=all`],
    ['GET', `/containers/${id}/logs?stdout=true&stderr=true&tail=1000`],
    ['GET', `/containers/${id}/logs?stdout=true&stderr=true&tail=40&follow=true`],
    ['GET', `/containers/${id}/logs?stdout=true&stderr=true&tail=40&since=0`],
    ['POST', `/containers/${id}/stop`],
    ['POST', `/containers/${id}/start?detachKeys=a`],
    ['DELETE', `/containers/${id}?force=true&force=false`],
    ['DELETE', `/containers/${id}?force=true&link=true`],
    ['DELETE', `/containers/${id}?force`],
    ['DELETE', `/containers/${id}?force=true=1`],
    ['DELETE', '/volumes/data'],
    ['POST', '/containers/create'],
    ['POST', `/containers/create?name=a&name=b`],
    ['POST', `/containers/create?name=a+b`],
    ['POST', `/containers/create?name=a%00b`],
    ['POST', `/containers/create?name=%c3%28`],
    ['POST', `/containers/create?name=a&platform=x`],
    ['POST', `/containers/create?constructor=a`],
    ['POST', '/images/create?fromImage=a'],
    ['POST', '/images/create?fromImage=a&tag='],
    ['POST', '/images/create?fromSrc=-&tag=a'],
  ])('does not know %s %s', (method, target) => {
    expect(() => parseCall(method, target)).toThrow(/docker-gate refuses this/)
  })
})
