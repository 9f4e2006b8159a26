import { constants } from 'node:fs'
import { copyFile, mkdir, readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import {
  DevBotError,
  isPlanFileName,
  isPolicyFileName,
  type ParsedPlan,
  type ParsedPolicy,
  parsePlan,
  parsePolicy,
} from '@devbot/contracts'
import { fromRoot, loadPlanConfig } from '../config.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Output } from '../output.ts'

/** `validate <plan.md>`, or a policy (`.devbot.yml`): what is wrong with it, line by line, without submitting it. */
export async function validatePlan(output: Output, file: string): Promise<ExitCode> {
  if (isPolicyFileName(basename(file))) return validatePolicy(output, file)
  const parsed = parsePlan(await readPlan(file), basename(file))
  output.answer(parsed, () =>
    parsed.ok ? `${file} is a valid plan: "${parsed.plan.title}"${notes(parsed)}` : problems(file, parsed),
  )
  return parsed.ok ? EXIT.done : EXIT.badInput
}

/** What depends on the operator (images, models, branch prefix) is only judged when a task goes by it. */
async function validatePolicy(output: Output, file: string): Promise<ExitCode> {
  const parsed = parsePolicy(await readContent(file))
  output.answer(parsed, () => (parsed.ok ? `${file} is a valid policy` : problems(file, parsed)))
  return parsed.ok ? EXIT.done : EXIT.badInput
}

/** `submit <plan.md>`: a validated copy into the plan folder; the watcher is the only door behind it. */
export async function submitPlan(output: Output, file: string): Promise<ExitCode> {
  const name = basename(file)
  const content = await readPlan(file)
  const parsed = parsePlan(content, name)
  if (!parsed.ok) {
    output.answer(parsed, () => problems(file, parsed))
    return EXIT.badInput
  }
  const plansDirectory = fromRoot(loadPlanConfig().plansDirectory)
  await mkdir(plansDirectory, { recursive: true }).catch(notWritable(plansDirectory))
  const target = join(plansDirectory, name)
  if (resolve(target) !== resolve(file)) await copyWithoutOverwriting(file, target, content)
  output.answer(
    { submitted: target, title: parsed.plan.title },
    () => `submitted "${parsed.plan.title}" as ${target}; follow it with: devbot tasks`,
  )
  return EXIT.done
}

async function copyWithoutOverwriting(file: string, target: string, content: Uint8Array): Promise<void> {
  try {
    await copyFile(file, target, constants.COPYFILE_EXCL)
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') return notWritable(target)(error)
    if (Buffer.from(await readFile(target)).equals(content)) return
    throw new DevBotError({
      category: 'invalid-input',
      code: 'plan-exists',
      message: `${target} is there already, with other content. Edit that file to change its plan, or submit under another name`,
    })
  }
}

/** Says which place cannot be written, and why. */
function notWritable(path: string): (cause: unknown) => never {
  return (cause) => {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error'
    throw new DevBotError({
      category: 'config',
      code: 'plan-folder-not-writable',
      message: `${path} cannot be written (${code}); check AI_DOCS_DIR and who the folder belongs to`,
      cause,
    })
  }
}

async function readPlan(file: string): Promise<Uint8Array> {
  if (!isPlanFileName(basename(file))) {
    throw new DevBotError({
      category: 'invalid-input',
      code: 'plan-name',
      message: `${basename(file)} is no name for a plan: expected a .md file that is not a report, a rejection, hidden, or README/AGENTS/CLAUDE/CONTRIBUTING/CHANGELOG/index`,
    })
  }
  return readContent(file)
}

async function readContent(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error'
    throw new DevBotError({
      category: 'invalid-input',
      code: 'plan-unreadable',
      message: `${file} cannot be read (${code})`,
      cause,
    })
  }
}

function problems(file: string, parsed: Extract<ParsedPlan | ParsedPolicy, { ok: false }>): string {
  const lines = parsed.problems.map(
    ({ field, line, problem, remedy, paste }) =>
      `${file}${line === undefined ? '' : `:${line}`}: ${field}: ${problem}\n    ${remedy}${paste === undefined ? '' : `\n    ${paste}`}`,
  )
  return `${lines.join('\n')}\n${parsed.problems.length} problem${parsed.problems.length === 1 ? '' : 's'}`
}

function notes(parsed: Extract<ParsedPlan, { ok: true }>): string {
  return parsed.plan.notes.map((note) => `\n  note: ${note}`).join('')
}
