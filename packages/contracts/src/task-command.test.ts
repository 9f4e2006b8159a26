import { describe, expect, it } from 'vitest'
import { commandIn } from './task-command.ts'

describe('commandIn', () => {
  it.each([
    ['/devbot cancel', 'cancel'],
    ['\n  /DevBot   Cancel  \r\n\nWe do it by hand.', 'cancel'],
    ['/devbot pause', 'pause'],
    ['/devbot resume\n', 'resume'],
    ['/devbot retry', 'retry'],
  ])('reads %j as a command', (body, command) => {
    expect(commandIn(body)).toBe(command)
  })

  it.each([
    '/devbot cancel the timer when the window closes',
    'Please do not say\n/devbot cancel',
    '> /devbot cancel',
    '/devbot',
    '/devbot constructor',
    '/devbotcancel',
    'cancel',
    '',
  ])('takes %j for a text', (body) => {
    expect(commandIn(body)).toBeUndefined()
  })
})
