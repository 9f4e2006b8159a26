import { composeSettings } from '../../config.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import type { Output } from '../../output.ts'
import { type Check, examine, type Finding } from './finding.ts'
import { lookAtEgress } from './look-at-egress.ts'
import { lookAtGit } from './look-at-git.ts'
import { lookAtGitHub } from './look-at-github.ts'
import { lookAtModel } from './look-at-model.ts'
import { lookAtPlanFolder } from './look-at-plan-folder.ts'
import { lookAtRedis } from './look-at-redis.ts'
import { lookAtSandbox } from './look-at-sandbox.ts'
import { lookAtWebhook } from './look-at-webhook.ts'

const STATE_WORDS = { ok: 'ok     ', weak: 'WEAK   ', missing: 'MISSING' } as const

/**
 * `doctor`: looks at everything DevBot needs; each missing or weak thing is named with its remedy. Spends nothing,
 * changes nothing. `showSecret` prints the webhook secret, which is to be pasted into GitHub's form.
 */
export async function doctor(output: Output, { showSecret }: { readonly showSecret: boolean }): Promise<ExitCode> {
  const isInside = composeSettings().isInside
  const checks: readonly Check[] = [
    { name: 'git', look: lookAtGit },
    { name: 'plan folder (AI_DOCS_DIR)', look: lookAtPlanFolder },
    { name: isInside ? 'Redis' : 'Redis (REDIS_URL)', look: lookAtRedis },
    { name: 'GitHub (REPO_NAME; GITHUB_TOKEN or an app)', look: lookAtGitHub },
    { name: 'model (ANTHROPIC_API_KEY)', look: lookAtModel },
    { name: 'webhook (GITHUB_WEBHOOK_SECRET)', look: () => lookAtWebhook({ showSecret, isInside }) },
    { name: 'sandbox (Docker engine, images)', look: () => lookAtSandbox({ isInside }) },
    { name: "sandboxes' way out (EGRESS_ALLOW)", look: lookAtEgress },
  ]
  const findings = await Promise.all(checks.map(examine))
  output.answer(
    findings.map((finding) => ({ ...finding, ok: finding.state !== 'missing' })),
    () => findings.map(paragraph).join('\n'),
  )
  return findings.some(({ state }) => state === 'missing') ? EXIT.needsPerson : EXIT.done
}

function paragraph({ name, state, detail }: Finding): string {
  return `${STATE_WORDS[state]} ${name}\n          ${detail.replaceAll('\n', '\n          ')}`
}
