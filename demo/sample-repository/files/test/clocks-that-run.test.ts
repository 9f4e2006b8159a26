import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DurationError, stopwatch, timeBudget } from '../src/index.ts'

function handClock() {
  let time = 1000
  return { now: () => time, pass: (ms: number) => (time += ms) }
}

test('a stopwatch counts laps and leaves pauses out', () => {
  const clock = handClock()
  const watch = stopwatch(clock.now)
  clock.pass(100)
  assert.equal(watch.lap(), 100)
  watch.pause()
  clock.pass(5000)
  watch.resume()
  clock.pass(50)
  assert.equal(watch.lap(), 50)
  assert.equal(watch.elapsed(), 150)
})

test('a budget runs out and stays at zero', () => {
  const clock = handClock()
  const budget = timeBudget(1000, clock.now)
  clock.pass(400)
  assert.equal(budget.left(), 600)
  assert.equal(budget.share(0.5), 300)
  clock.pass(5000)
  assert.equal(budget.left(), 0)
  assert.equal(budget.spent(), true)
})

test('a budget refuses limits and shares that make no sense', () => {
  assert.throws(() => timeBudget(-1), DurationError)
  assert.throws(() => timeBudget(1).share(2), DurationError)
})
