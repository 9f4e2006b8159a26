import { type NetworkRefusal, type RunRecord, runRecordSchema } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { networkLine, networkSection } from './network-section.ts'

const refusal = (host: string, more: Partial<NetworkRefusal> = {}): NetworkRefusal => ({
  host,
  port: 443,
  reason: 'not on the list',
  allowWith: host,
  count: 1,
  ...more,
})
const runWith = (networkRefusals?: readonly NetworkRefusal[]): RunRecord =>
  runRecordSchema.parse({
    version: 1,
    id: 'r1',
    kind: 'implement',
    planHash: 'a'.repeat(64),
    model: 'm',
    startedAtMs: 1,
    turns: 0,
    costMicroUsd: 0,
    tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
    ...(networkRefusals && { networkRefusals }),
  })

describe('networkSection and networkLine', () => {
  it('are absent when nothing was refused, and for records from before there was a proxy', () => {
    for (const run of [undefined, runWith(), runWith([])]) {
      expect(networkSection(run)).toBeUndefined()
      expect(networkLine(run)).toBeUndefined()
    }
  })

  it('say what was refused, why, how often, and the line that would allow it', () => {
    const { allowWith: _none, ...mismatch } = refusal('registry.example', {
      reason: 'the TLS hello names another host (x.example)',
      count: 2,
    })
    const run = runWith([
      refusal('packages.example', { count: 12 }),
      mismatch,
      refusal('plain.example', { port: 80, allowWith: 'plain.example:80' }),
      refusal('2001:db8::1', { allowWith: '[2001:db8::1]' }),
    ])
    expect(networkSection(run)).toBe(`## Network

The egress-proxy refused these connections out of the sandboxes of the last run. Nothing was sent to them.

| destination | why | times | EGRESS_ALLOW |
| --- | --- | --- | --- |
| \`packages.example:443\` | not on the list | 12 | \`packages.example\` |
| \`registry.example:443\` | the TLS hello names another host (x.example) | 2 | - |
| \`plain.example:80\` | not on the list | 1 | \`plain.example:80\` |
| \`[2001:db8::1]:443\` | not on the list | 1 | \`[2001:db8::1]\` |

To allow them, add to \`EGRESS_ALLOW\` what you know, and start the egress-proxy again. The programs in the sandbox asked for these names; nobody vouches for them:

\`\`\`text
packages.example,plain.example:80,[2001:db8::1]
\`\`\``)
    expect(networkLine(run)).toBe(
      '- network: 16 connections out of the sandboxes were refused (`packages.example:443`, `registry.example:443`, `plain.example:80` and 1 more); the report says why and what would allow them',
    )
  })

  it('stay inert and short whatever a sandbox asked for', () => {
    const { allowWith: _none, ...hostile } = refusal('`<img src=x>` | @ada fixes #1 ![x](y)', {
      port: 0,
      reason: 'the TLS hello names another host (@ada | <b>)',
    })
    const { allowWith: _long, ...long } = refusal('x'.repeat(255))
    const run = runWith([hostile, long])
    const section = networkSection(run) ?? ''
    const line = networkLine(run) ?? ''
    expect(section.split('\n').find((text) => text.includes('img'))).toBe(
      '| `` `<img src=x>` \\| @ada fixes #1 ![x](y) `` | the TLS hello names another host (@\u200bada \\| &lt;b>) | 1 | - |',
    )
    expect(line.length).toBeLessThan(400)
    expect(section).not.toContain('x'.repeat(101))
    expect(section).not.toContain('To allow them')
  })

  it('count what is more than a page', () => {
    const section =
      networkSection(runWith(Array.from({ length: 101 }, (_, index) => refusal(`h${index}.example`)))) ?? ''
    expect(section).toContain('And 71 more rows, 71 attempts.')
    expect(section.length).toBeLessThan(5_000)
  })
})
