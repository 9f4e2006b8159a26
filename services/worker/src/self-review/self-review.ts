import { type AskAside, newDelimiter } from '@devbot/agent'
import { withoutSecrets } from '@devbot/config'
import { categoryOf, DevBotError, type ReviewFinding, type SelfReview } from '@devbot/contracts'
import type { WorkerDeps } from '../deps.ts'
import type { OwnedTask } from '../own-task.ts'
import type { RunLog } from '../run-log.ts'
import { abortError } from '../stages/check.ts'
import type { CollectedChange } from '../stages/collect-change.ts'
import type { Problem } from '../verification/problem.ts'
import type { Work } from '../work-with-agent.ts'
import { readFindings } from './read-findings.ts'
import { reviewMessage, reviewSystemPrompt } from './review-message.ts'

/** Diff that the reviewer sees, in bytes; what is longer is cut, and the reviewer is told. */
const MAX_DIFF_BYTES = 160 * 1024
/** Ceiling of its answer, thinking included. */
const MAX_OUTPUT_TOKENS = 16_000

type Verdict = Pick<SelfReview, 'verdict' | 'reason' | 'findings'>

/**
 * A fresh look at a change that has passed everything else: a context of its own that saw nothing of the work. What it
 * finds critical or major goes back to the agent, once in a run. It can hold up nothing: a review that cannot be had is
 * noted, and the change goes on.
 */
export function createSelfReview(deps: WorkerDeps, owned: OwnedTask, log: RunLog, work: Work) {
  const wanted = work.rules.selfReview ?? deps.settings.selfReview
  // One in a run, also in a run that was cut off.
  let done = !wanted || log.run.selfReview !== undefined
  return {
    /** The problem to send back; undefined where there is none, or a review was made before. */
    async look(change: CollectedChange, ask: AskAside): Promise<Problem | undefined> {
      if (done) return undefined
      done = true
      const verdict = await log.stage(
        'verify',
        (say) => review(deps, owned, log, work, { change, ask, say }),
        'self-review',
      )
      const goesBack = verdict.verdict === 'changes-wanted'
      log.change({ selfReview: { ...verdict, treeId: change.treeId, fixRounds: goesBack ? 1 : 0 } })
      await log.save()
      return goesBack ? problemOf(verdict.findings) : undefined
    },
  }
}

type Look = { readonly change: CollectedChange; readonly ask: AskAside; readonly say: (detail: string) => void }

async function review(
  deps: WorkerDeps,
  owned: OwnedTask,
  log: RunLog,
  work: Work,
  { change, ask, say }: Look,
): Promise<Verdict> {
  try {
    const { store, baseCommitId } = await work.source()
    const delimiter = newDelimiter()
    const diff = await store.diffText(baseCommitId, change.treeId, MAX_DIFF_BYTES)
    const { plan, items, earlier = [] } = work
    const answer = await ask({
      system: reviewSystemPrompt(delimiter),
      message: reviewMessage({ plan, run: log.run, earlier, items, diff, delimiter }),
      maxOutputTokens: MAX_OUTPUT_TOKENS,
    })
    if (answer.kind === 'limit-reached')
      return notDone(`the limit on ${answer.limit} left no room for it: ${answer.detail}`)
    log.change({ tokens: sum(log.run.tokens, answer.tokens) })
    const findings = readFindings(answer.text)
    if (findings === undefined) return notDone('its answer was not in the form that was asked for')
    const clean = findings.map((finding) => ({ ...finding, problem: withoutSecrets(finding.problem, deps.secrets) }))
    const verdict = clean.some(isGrave) ? 'changes-wanted' : 'approved'
    say(`${verdict}, ${clean.length} findings`)
    return { verdict, findings: clean }
  } catch (error) {
    if (owned.signal.aborted) throw abortError(owned.signal)
    // An error of ours is not hidden behind a review that "could not be had".
    if (!(error instanceof DevBotError) || categoryOf(error) === 'bug' || error.code === 'ownership-lost') throw error
    deps.log.warn({ taskId: owned.task.id, error }, 'the self-review could not be had')
    return notDone(`it could not be had (${error.code})`)
  }
}

function notDone(reason: string): Verdict {
  return { verdict: 'not-done', reason: reason.slice(0, 500), findings: [] }
}

function isGrave({ severity }: ReviewFinding): boolean {
  return severity !== 'minor'
}

function problemOf(findings: readonly ReviewFinding[]): Problem {
  const lines = findings.filter(isGrave).map(({ severity, path, line, problem }) => {
    const place = path === undefined ? '' : ` ${path}${line === undefined ? '' : `:${line}`}:`
    return `- ${severity}:${place} ${problem}`
  })
  return {
    about: 'self-review',
    maxRejections: 1,
    message: `A reviewer with fresh eyes saw the plan and your change, and found this:\n\n${lines.join('\n')}\n\nMend what is true of it, then finish again; what is not, say so in the summary. There is no second review.`,
  }
}

function sum<Counts extends Readonly<Record<'input' | 'output' | 'cacheRead' | 'cacheWrite', number>>>(
  one: Counts,
  other: Counts,
) {
  return {
    input: one.input + other.input,
    output: one.output + other.output,
    cacheRead: one.cacheRead + other.cacheRead,
    cacheWrite: one.cacheWrite + other.cacheWrite,
  }
}
