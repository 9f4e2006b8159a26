import { type FeedbackItem, type FeedbackRow, repliesIn } from '@devbot/contracts'
import type { Permission } from '@devbot/github'

/** A new row: nobody has judged the item yet. */
export function feedbackRowFor(item: FeedbackItem): FeedbackRow {
  return { item, state: 'open' }
}

/** Our own replies come back as comments and reviews; they are no feedback, and nobody needs to read that they were dropped. */
export function withoutOwn(items: readonly FeedbackItem[], ownLogin: string): readonly FeedbackItem[] {
  return items.filter(({ author }) => !sameLogin(author, ownLogin))
}

/** Items that a comment of our own says it answers: so they are known as answered when the ledger is not. */
export function answeredIn(items: readonly FeedbackItem[], ownLogin: string): ReadonlySet<string> {
  return new Set(items.filter(({ author }) => sameLogin(author, ownLogin)).flatMap(({ body }) => repliesIn(body)))
}

/** The row of an item that was answered already; `reply` stands on GitHub. */
export function answeredRow(row: FeedbackRow): FeedbackRow {
  return { ...row, state: 'answered', replyPosted: true }
}

export type FeedbackJudgement = {
  /** Asked for by somebody who may steer: the next round, oldest first. */
  readonly round: readonly FeedbackRow[]
  readonly dropped: readonly FeedbackRow[]
}

/** Permissions that let a person steer DevBot. */
const STEERING: readonly Permission[] = ['admin', 'maintain', 'write']

/**
 * Which open items make the next round, and which are dropped with a reason and never reach the model. Pure.
 * A round is: reviews that request changes, reviews with inline comments, their comments, and conversation comments
 * that address the bot (`@login` or a line starting with `/devbot`).
 */
export function judgeFeedback(
  open: readonly FeedbackRow[],
  facts: { readonly ownLogin: string; readonly permissions: ReadonlyMap<string, Permission> },
): FeedbackJudgement {
  const round: FeedbackRow[] = []
  const notTaken: FeedbackRow[] = []
  const reviewsWithComments = new Set(
    open.flatMap((row) =>
      row.item.kind === 'inline-comment' && row.item.reviewId !== undefined ? [row.item.reviewId] : [],
    ),
  )
  for (const row of [...open].sort(byTime)) {
    const reason = whyNotSteering(row.item, facts) ?? idleReason(row.item, reviewsWithComments, facts.ownLogin)
    if (reason === undefined) round.push(row)
    else notTaken.push({ ...row, ...dropped(row.item, reason) })
  }
  return { round, dropped: notTaken }
}

/** Whether a row still has to be worked off: nobody judged it, or its answer never reached GitHub. */
export function undelivered(row: FeedbackRow): boolean {
  return row.state === 'open' || (row.state === 'answered' && row.replyPosted !== true)
}

/** Why our own words, which come back by webhook, are dropped. */
export const OWN_TEXT = "DevBot's own text"

/** What is kept of an item that is not used: its place and the reason, not its text. */
export function dropped(item: FeedbackItem, reason: string): FeedbackRow {
  return { item: withoutText(item), state: 'dropped', reason }
}

function withoutText(item: FeedbackItem): FeedbackItem {
  const { hunk: _hunk, ...rest } = item
  return { ...rest, body: '' }
}

/** Authors whose permission has to be asked before `judgeFeedback`. */
export function authorsToAsk(open: readonly Pick<FeedbackRow, 'item'>[], ownLogin: string): readonly string[] {
  return [
    ...new Set(
      open
        .filter(({ item }) => item.authorKind === 'user' && !sameLogin(item.author, ownLogin))
        .map(({ item }) => item.author),
    ),
  ]
}

/** Why an item's author may not steer; undefined when they may. Only people with write permission do. */
export function whyNotSteering(
  item: FeedbackItem,
  facts: { readonly ownLogin: string; readonly permissions: ReadonlyMap<string, Permission> },
): string | undefined {
  if (sameLogin(item.author, facts.ownLogin)) return OWN_TEXT
  if (item.authorKind === 'bot') return 'written by a bot'
  const permission = facts.permissions.get(item.author) ?? 'none'
  return STEERING.includes(permission) ? undefined : `its author has no write permission (${permission})`
}

function idleReason(
  item: FeedbackItem,
  reviewsWithComments: ReadonlySet<number>,
  ownLogin: string,
): string | undefined {
  switch (item.kind) {
    case 'inline-comment':
      return undefined
    case 'review':
      if (item.reviewState === 'changes-requested') return undefined
      // GitHub makes a review without a word around each single comment, which is an item of its own.
      if (reviewsWithComments.has(item.objectId) && item.body.trim() !== '') return undefined
      return `a review that asks for nothing (${item.reviewState ?? 'no state'})`
    case 'conversation-comment':
      return addressesBot(item.body, ownLogin) ? undefined : 'does not address DevBot'
  }
}

function addressesBot(body: string, ownLogin: string): boolean {
  const mention = new RegExp(`(^|[^\\w@/-])@${RegExp.escape(ownLogin.replace(/\[bot\]$/, ''))}(?![\\w-])`, 'i')
  return mention.test(body) || /^\s*\/devbot\b/im.test(body)
}

export function sameLogin(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}

function byTime(one: FeedbackRow, other: FeedbackRow): number {
  return one.item.submittedAt.localeCompare(other.item.submittedAt) || one.item.objectId - other.item.objectId
}
