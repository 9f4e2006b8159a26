import { DevBotError } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { toLedgerError } from './redis-errors.ts'

function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError', command: { name: 'auth', args: ['secret-password'] } })
}

describe('toLedgerError', () => {
  it.each([
    ['WRONGPASS invalid username-password pair', 'config', 'ledger-refused'],
    ['NOAUTH Authentication required.', 'config', 'ledger-refused'],
    ["NOPERM this user has no permissions to run the 'config' command", 'config', 'ledger-refused'],
    ['LOADING Redis is loading the dataset in memory', 'transient', 'ledger-unavailable'],
    ['OOM command not allowed when used memory > maxmemory', 'transient', 'ledger-unavailable'],
    ['MISCONF Errors writing to the AOF file: No space left on device', 'transient', 'ledger-unavailable'],
    ['ERR unknown command', 'bug', 'ledger-command-refused'],
    ['WRONGTYPE Operation against a key', 'bug', 'ledger-command-refused'],
  ])('reads %s as %s', (message, category, code) => {
    expect(toLedgerError(replyError(message), 'host:1')).toMatchObject({ category, code })
  })

  it('reads everything that is no reply as Redis being away', () => {
    expect(toLedgerError(new Error('WRONGPASS in some text'), 'host:1')).toMatchObject({ category: 'transient' })
  })

  it('explains a failed command by what took the connection down', () => {
    const error = toLedgerError(new Error('not writeable'), 'host:1', replyError('WRONGPASS no'))
    expect(error).toMatchObject({ category: 'config' })
  })

  it('drops the arguments that the client hangs on its errors', () => {
    const { cause } = toLedgerError(replyError('ERR unknown'), 'host:1')
    expect(JSON.stringify(Object.getOwnPropertyDescriptors(cause))).not.toContain('secret-password')
  })

  it('leaves our own errors as they are', () => {
    const own = new DevBotError({ category: 'conflict', code: 'branch-taken', message: 'y' })
    expect(toLedgerError(own, 'host:1')).toBe(own)
  })
})
