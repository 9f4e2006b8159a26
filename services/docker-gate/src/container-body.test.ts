import { describe, expect, it } from 'vitest'
import {
  anchorBody,
  type PodProfile,
  sandboxBody,
  serviceBody,
  volumeBody,
} from '../../../packages/sandbox/src/docker/profile.ts'
import { checkContainerBody } from './container-body.ts'
import { Refusal } from './refusal.ts'
import { checkVolumeBody } from './small-bodies.ts'
import { TEST_SERVICE, testConfig, testProfile } from './testing/test-pod.ts'

const anchorId = 'a'.repeat(64)
const plain = testConfig()
const withEgress = testConfig({ EGRESS_VOLUME: 'devbot_egress' })
const variants: [string, typeof plain, Partial<PodProfile>][] = [
  ['in memory', plain, {}],
  ['in memory with busybox', plain, { keeper: 'busybox' }],
  ['on a volume', plain, { workspace: 'volume' }],
  ['in memory with a way out', withEgress, {}],
  ['on a volume with a way out', withEgress, { workspace: 'volume' }],
  ['in memory without the way out that there is', testConfig({ EGRESS_VOLUME: 'devbot_egress' }), {}],
]

/** As it travels: what the driver means by undefined is not there any more. */
const sent = (body: object) => JSON.parse(JSON.stringify(body))
type Role = 'anchor' | 'sandbox' | 'service'
const check = (config: typeof plain, profile: PodProfile, role: Role, body: unknown) => {
  const pod = { instance: config.instance, podId: profile.podId }
  const part = role === 'service' ? { ...pod, role, service: TEST_SERVICE.name } : { ...pod, role }
  return checkContainerBody(body, part, config, Date.now())
}
const bodyOf = (role: Role, profile: PodProfile) =>
  sent(
    role === 'anchor'
      ? anchorBody(profile)
      : role === 'sandbox'
        ? sandboxBody(profile, anchorId)
        : serviceBody(profile, anchorId, TEST_SERVICE),
  )

describe('checkContainerBody', () => {
  it.each(variants)('lets the bodies of the driver through unchanged: workspace %s', (_what, config, changes) => {
    const profile = testProfile(config, changes)
    const [anchor, sandbox] = [sent(anchorBody(profile)), sent(sandboxBody(profile, anchorId))]
    expect(check(config, profile, 'anchor', anchor)).toEqual(anchor)
    expect(check(config, profile, 'sandbox', sandbox)).toEqual(sandbox)
    const service = bodyOf('service', profile)
    expect(check(config, profile, 'service', service)).toEqual(service)
    expect(checkVolumeBody(sent(volumeBody(profile)), config.instance, Date.now())).toEqual(volumeBody(profile))
  })

  it.each([
    [2 * 1024 ** 3, '2g', 2, '2', 512],
    [1_000_000_007, '3g', 1.5, '1.5', 64],
  ])('lets odd limits through that the settings allow', (diskBytes, SANDBOX_DISK, cpus, SANDBOX_CPUS, processes) => {
    const config = testConfig({ SANDBOX_DISK, SANDBOX_CPUS, SANDBOX_PIDS: '512' })
    const base = testProfile(config)
    const limits = { ...base.spec.limits, diskBytes, cpus, processes, maxMinutes: 0.51 }
    const profile = { ...base, spec: { ...base.spec, purpose: 'check' as const, limits } }
    for (const workspace of ['memory', 'volume'] as const) {
      const body = sent(sandboxBody({ ...profile, workspace }, anchorId))
      expect(check(config, profile, 'sandbox', body)).toEqual(body)
    }
  })

  it('refuses a body whose fields are each good but do not belong together', () => {
    const profile = testProfile(withEgress)
    const anchor = sent(anchorBody(profile))
    const sandbox = sent(sandboxBody(profile, anchorId))
    const hostile = [
      ['anchor', sandbox],
      ['sandbox', anchor],
      ['anchor', { ...anchor, Cmd: ['sleep', '300'] }],
      ['anchor', { ...anchor, HostConfig: { ...anchor.HostConfig, Mounts: [] } }],
      [
        'sandbox',
        { ...sandbox, HostConfig: { ...sandbox.HostConfig, Tmpfs: { '/tmp': sandbox.HostConfig.Tmpfs['/tmp'] } } },
      ],
      ['sandbox', { ...sandbox, HostConfig: { ...sandbox.HostConfig, MemorySwap: -1 } }],
    ] as const
    for (const [role, body] of hostile) {
      expect(() => check(withEgress, profile, role, body)).toThrow(/docker-gate refuses this/)
    }
  })

  it.each(['anchor', 'sandbox', 'service'] as const)(
    'refuses each field of an %s when it is gone, another or joined by one more',
    (role) => {
      const profile = testProfile(withEgress)
      const body = bodyOf(role, profile)
      const passed: string[] = []
      for (const [place, change] of changesOf(body)) {
        const changed = structuredClone(body)
        change(changed)
        if (JSON.stringify(changed) === JSON.stringify(body)) continue
        try {
          check(withEgress, profile, role, changed)
          passed.push(place)
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal)
        }
      }
      // Bounded, not fixed: a limit may be smaller, a run is called anything, a sandbox may do without a variable.
      const bounded =
        /^HostConfig\.(NanoCpus|PidsLimit) is 7$|^Labels\.dev\.devbot\.run is "other"$|^Env (is \[\]|gone)$|^Env\.\d+ gone$/
      // A service's own start and environment are the policy's, and which folders it has the image's.
      const chosen = /^Cmd(\.\d+)? |^Env\.\d+ |^HostConfig\.Tmpfs\.\/[a-z/]+ gone$|^HostConfig\.Tmpfs is \{"x":1\}$/
      expect(passed.filter((place) => !bounded.test(place) && !(role === 'service' && chosen.test(place)))).toEqual([])
    },
    // A thousand bodies, each with a schema of its own.
    30_000,
  )

  it('takes the images that a repository may choose, and no other, by name', () => {
    const profile = testProfile(plain)
    const body = (role: Role, Image: string) => ({ ...bodyOf(role, profile), Image })
    const passes = (config: typeof plain, role: Role, image: string) => {
      try {
        check(config, profile, role, body(role, image))
        return true
      } catch {
        return false
      }
    }
    const anything = testConfig({ IMAGES_ALLOWED: '' })
    for (const role of ['sandbox', 'service'] as const) {
      expect(passes(plain, role, 'allowed.example/a/b:1')).toBe(true)
      for (const image of ['evil/x', 'allowed.example.evil/x', 'x/allowed.example/y'])
        expect([image, passes(plain, role, image), passes(anything, role, image)]).toEqual([image, false, true])
      for (const image of ['', '-x', 'a b', 'a:b:c', '/x', `sha256:${'a'.repeat(64)}`, 'abcdef123456', 'x@sha256:1'])
        expect([image, passes(anything, role, image)]).toEqual([image, false])
    }
    expect(passes(anything, 'anchor', 'allowed.example/a:1')).toBe(false)
  })

  it('names the place and never repeats a value', () => {
    const profile = testProfile(plain)
    const body = sent(sandboxBody(profile, anchorId))
    body.HostConfig.Binds = ['/etc/shadow:/x']
    expect(() => check(plain, profile, 'sandbox', body)).toThrow(/HostConfig: Unrecognized key: "Binds"/)
    delete body.HostConfig.Binds
    body.Image = 'attacker/secret-image'
    expect(() => check(plain, profile, 'sandbox', body)).toThrow(/^(?!.*secret-image).*Image: /)
  })
})

type Change = readonly [string, (body: Record<string, unknown>) => void]

/** For every place in a JSON value: without it, with another type, and every object with one key more. */
function changesOf(value: unknown, path: readonly string[] = []): Change[] {
  const at = path.join('.')
  const changes: Change[] = []
  if (path.length > 0) {
    changes.push([`${at} gone`, (body) => edit(body, path, () => undefined)])
    const others: unknown[] = ['other', 7, true, null, [], { x: 1 }, -1]
    for (const other of others.filter((other) => JSON.stringify(other) !== JSON.stringify(value))) {
      changes.push([`${at} is ${JSON.stringify(other)}`, (body) => edit(body, path, () => other)])
    }
  }
  if (Array.isArray(value)) {
    changes.push([`${at} twice`, (body) => edit(body, path, (list) => (list as unknown[]).concat(list))])
    changes.push([`${at} longer`, (body) => edit(body, path, (list) => (list as unknown[]).concat('x'))])
  } else if (value !== null && typeof value === 'object') {
    changes.push([`${at} one key more`, (body) => edit(body, path, (object) => ({ ...(object as object), Extra: 1 }))])
  } else if (typeof value === 'string') {
    for (const more of [' ', '\n', ',x', '\0']) {
      changes.push([`${at} with ${JSON.stringify(more)}`, (body) => edit(body, path, (text) => `${text}${more}`)])
    }
  } else if (typeof value === 'number') {
    changes.push([`${at} larger`, (body) => edit(body, path, (number) => Number(number) + 1)])
    changes.push([`${at} a fraction`, (body) => edit(body, path, (number) => Number(number) - 0.5)])
  }
  if (value !== null && typeof value === 'object') {
    for (const [key, child] of Object.entries(value)) changes.push(...changesOf(child, [...path, key]))
  }
  return changes
}

function edit(body: Record<string, unknown>, path: readonly string[], change: (value: unknown) => unknown): void {
  if (path.length === 0) {
    Object.assign(body, change(body))
    return
  }
  let parent: Record<string, unknown> = body
  for (const key of path.slice(0, -1)) parent = parent[key] as Record<string, unknown>
  const last = path.at(-1) ?? ''
  const value = change(parent[last])
  if (value !== undefined) parent[last] = value
  else if (Array.isArray(parent)) parent.splice(Number(last), 1)
  else delete parent[last]
}
