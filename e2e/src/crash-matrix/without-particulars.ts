/** What no two plans share, each with the word it is replaced by; the order counts. */
const PARTICULARS: readonly (readonly [RegExp, string])[] = [
  [/\b\d+-(review|inline-comment|conversation-comment)-\d+-[0-9a-f]{8}\b/g, '$1-ID'],
  [/\bt[0-9a-f]{12}\b/g, 'TASK'],
  [/-\d{10}\b/g, '-SECONDS'],
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME'],
  [/^(turns|cost_usd|duration_s|plan_hash): .*$/gm, '$1: ...'],
  [/plan=[0-9a-f]+/g, 'plan=HASH'],
  [/origin=[0-9a-f-]+/g, 'origin=PLACE'],
  [/^DevBot-Origin: .*$/gm, 'DevBot-Origin: PLACE'],
  [/^DevBot-Plan-Hash: .*$/gm, 'DevBot-Plan-Hash: HASH'],
  [/http:\/\/127\.0\.0\.1:\d+/g, 'SERVER'],
  [/\/pull\/\d+/g, '/pull/N'],
  [/\b\d+(\.\d+)? US dollars/g, 'MONEY'],
  [/\b\d+(\.\d+)? (ms|s|min)\b/g, 'DURATION'],
  [/ at `[0-9a-f]{40}`/g, ' at COMMIT'],
  [/\| [0-9a-f]{12} \|/g, '| COMMIT |'],
]

/**
 * A text with what differs from plan to plan and from time to time taken out; ids of trees stay, they are the same. Rows of
 * feedback are sorted: the webhooks of one review come in any order.
 */
export function withoutParticulars(text: string, planName: string): string {
  const plain = PARTICULARS.reduce(
    (all, [pattern, word]) => all.replace(pattern, word),
    text.replaceAll(planName, 'PLAN'),
  )
  return plain.replace(
    /(?<=^\| --- .*\n)(^\|.*(\n|$))+/gm,
    (rows) => `${rows.trimEnd().split('\n').sort().join('\n')}\n`,
  )
}
