import { type BackgroundCommand, DevBotError } from '@devbot/contracts'
import { refusalOf } from './command-call.ts'
import { type CallFrame, channelViolation, escapeWord, jobOutputPath } from './frames.ts'
import { createKillSequence } from './kill-sequence.ts'
import type { BeginCall } from './tool-channel.ts'

type BackgroundCallInput = {
  readonly command: string
  readonly begin: BeginCall
  readonly scratch: string
  /** Ends the channel and everything in the sandbox. */
  readonly closeAll: () => Promise<void>
}

/** Starts one command of the channel's that nobody waits for. Throws `invalid-input` for what no shell could take. */
export function runBackgroundCall({ command, begin, scratch, closeAll }: BackgroundCallInput): BackgroundCommand {
  const refusal = refusalOf(command)
  if (refusal) throw new DevBotError({ category: 'invalid-input', code: 'command-refused', message: refusal.trim() })
  const { promise: ended, resolve } = Promise.withResolvers<{ readonly exitCode?: number }>()
  let over = false
  const kill = createKillSequence({
    send: (signal) => void context.send(`kill ${context.id} ${signal}`),
    done: () => settle({}),
    escalate: () => void closeAll().then(stopped, stopped),
  })
  const context = begin({ heard, lost: stopped, failed: stopped })
  void context.send(`job ${context.id} ${escapeWord(command)}`)
  return {
    outputPath: jobOutputPath(scratch, context.id),
    ended,
    async stop() {
      if (!over) kill.start()
      await ended
    },
  }

  function heard(frame: CallFrame): void {
    if (frame.kind === 'exit') heardExit(frame.code)
    else if (frame.kind !== 'killed') throw channelViolation('an answer that fits no job')
    else if (frame.signal === 'KILL') kill.killed()
  }

  function heardExit(code: number): void {
    if (kill.started) kill.shellEnded()
    else settle({ exitCode: code })
  }

  function stopped(): void {
    settle({})
  }

  function settle(end: { readonly exitCode?: number }): void {
    over = true
    kill.cancel()
    context.finish()
    resolve(end)
  }
}
