import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))

function timespan(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8' })
  return { status, stdout: stdout.trim(), stderr: stderr.trim() }
}

test('prints a duration in words, or in the format asked for', () => {
  assert.equal(timespan('1h 30m').stdout, '1 hour, 30 minutes')
  assert.equal(timespan('--to', 'iso', '1:30').stdout, 'PT1H30M')
  assert.equal(timespan('--to', 'ms', 'PT1S').stdout, '1000')
})

test('ends with 2 and one line for a bad duration', () => {
  const { status, stderr } = timespan('5 parsecs')
  assert.equal(status, 2)
  assert.match(stderr, /^timespan: expected a unit after 5 \(at position 2\)$/)
})
