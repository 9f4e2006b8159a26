import { categoryOf, DevBotError } from '@devbot/contracts'
import { Command } from 'commander'
import { doctor } from './commands/doctor/doctor.ts'
import { explainCode, listCodes } from './commands/explain.ts'
import { pauseAll, resumeAll, stopAll } from './commands/pause-commands.ts'
import { submitPlan, validatePlan } from './commands/plan-commands.ts'
import { runServiceProcess } from './commands/service-commands.ts'
import { cancelTask, pauseTask, resumeTask, retryTask } from './commands/steering-commands.ts'
import { listTasks, showLogs, showTask, startTasks } from './commands/task-commands.ts'
import { runInCompose } from './compose.ts'
import { readEnvFile } from './config.ts'
import { EXIT } from './exit-codes.ts'
import { createOutput, type Output } from './output.ts'

readEnvFile()

const program = new Command('devbot')
  .description(
    'Plan -> code -> pull request -> feedback -> fix.\nExit codes: 0 done, 1 failed, 2 usage or bad input, 3 needs a person.',
  )
  .option('--json', 'answer as JSON')
  .configureHelp({ showGlobalOptions: true })
  .exitOverride((end) => process.exit(end.exitCode === 0 ? EXIT.done : EXIT.badInput))

const output = (): Output => createOutput(program.opts().json === true, (text) => process.stdout.write(text))
const command = (name: string, description: string) => program.command(name).description(description)

command('submit <plan>', 'copy a valid plan into the plan folder').action(
  answer((plan: string) => submitPlan(output(), plan)),
)
command('validate <file>', 'say what is wrong with a plan, or with a policy (.devbot.yml)').action(
  answer((plan: string) => validatePlan(output(), plan)),
)
command('tasks', 'list the tasks and what they are doing').action(answer(() => listTasks(output())))
command('show <task>', 'everything about one task').action(answer((task: string) => showTask(output(), task)))
command('logs <task>', 'what happened to a task')
  .option('-f, --follow', 'go on until the task has ended')
  .action(answer((task: string, options: { follow?: true }) => showLogs(output(), task, options.follow === true)))
command('start [task]', 'let a held task go on')
  .option('--all', 'all held tasks')
  .action(
    answer((task: string | undefined, options: { all?: true }) =>
      startTasks(output(), wantedTask(task, options, 'for every held task')),
    ),
  )
command('explain [code]', 'what an error code means, and what to do about it').action(
  answer(async (code: string | undefined) => (code === undefined ? listCodes(output()) : explainCode(output(), code))),
)
command('cancel <task>', 'stop a task for good, whatever it is doing').action(
  answer((task: string) => cancelTask(output(), task)),
)
command('retry <task>', 'take up a task again that was given up, cancelled or is held').action(
  answer((task: string) => retryTask(output(), task)),
)
command('pause [task]', 'stop a task until it is resumed')
  .option('--all', 'everything, until resume --all')
  .action(
    answer((task: string | undefined, options: { all?: true }) => {
      const wanted = wantedTask(task, options, 'for everything')
      return wanted === undefined ? pauseAll(output()) : pauseTask(output(), wanted)
    }),
  )
command('resume [task]', 'let a paused task go on where it was')
  .option('--all', 'everything, after pause --all or stop --all')
  .action(
    answer((task: string | undefined, options: { all?: true }) => {
      const wanted = wantedTask(task, options, 'for everything')
      return wanted === undefined ? resumeAll(output()) : resumeTask(output(), wanted)
    }),
  )
command('stop', 'pause everything, and prove within 15 s that nothing is under way any more')
  .requiredOption('--all', 'everything (to stop one task: cancel or pause)')
  .action(answer(() => stopAll(output())))
command('doctor', 'look at everything DevBot needs, and say how to mend what is missing or weak')
  .option('--show-secret', 'show the webhook secret also where the answer does not go to a terminal')
  .action(
    answer((options: { showSecret?: true }) =>
      doctor(output(), { showSecret: options.showSecret === true || (!program.opts().json && process.stdout.isTTY) }),
    ),
  )
command('watch', 'run the watcher here').action(answer(() => runServiceProcess('watcher')))
command('server', 'run the webhook ingress here')
  .option('--port <port>', 'port for GitHub to reach')
  .action(
    answer((options: { port?: string }) =>
      runServiceProcess('webhook-ingress', options.port === undefined ? {} : { PORT: options.port }),
    ),
  )
command('worker', 'run a worker here').action(answer(() => runServiceProcess('worker')))
// Known to the launcher, which does them itself; listed here so that --help tells the whole story.
for (const [name, description] of [
  ['setup', 'install what is missing on this machine'],
  ['demo', 'see the whole loop run, without a key or an account'],
  ['test', 'run every check and test'],
] as const) {
  command(name, description).action(
    answer(async () => {
      throw new DevBotError({
        category: 'invalid-input',
        code: 'launcher-command',
        message: `say ./devbot ${name} (or npm run ${name}) in the checkout`,
      })
    }),
  )
}

await answer(async () => {
  const inCompose = await runInCompose(process.argv.slice(2))
  if (inCompose !== undefined) return inCompose
  // The command's own action sets the exit code.
  await program.parseAsync()
  return Number(process.exitCode ?? EXIT.done)
})()

/** Runs a command and turns its ending into an exit code; the one place where errors become text. */
function answer<Args extends unknown[]>(work: (...args: Args) => Promise<number>): (...args: Args) => Promise<void> {
  return async (...args) => {
    try {
      process.exitCode = await work(...args)
    } catch (error) {
      const category = categoryOf(error)
      if (!(error instanceof DevBotError)) throw error
      const failure = createOutput(program.opts().json === true, (text) => process.stderr.write(text))
      failure.answer(
        { error: { code: error.code, category, message: error.message } },
        () => `devbot: ${error.message}`,
      )
      process.exitCode = category === 'invalid-input' || category === 'config' ? EXIT.badInput : EXIT.failed
    }
  }
}

/** The task that is meant; undefined for all. */
function wantedTask(task: string | undefined, { all }: { readonly all?: true }, meaning: string): string | undefined {
  if (task !== undefined && all === true) {
    throw new DevBotError({
      category: 'invalid-input',
      code: 'task-missing',
      message: 'expected either a task id or --all, got both',
    })
  }
  if (task === undefined && all !== true) {
    throw new DevBotError({
      category: 'invalid-input',
      code: 'task-missing',
      message: `expected a task id, or --all ${meaning}`,
    })
  }
  return task
}
