import { type InboxItem, inboxItemSchema } from '@devbot/contracts'
import { writeRecord } from './records.ts'

/** An inbox item as scripts take it. */
export function inboxEntryFor(item: InboxItem) {
  return {
    kind: item.kind,
    id: item.id,
    json: writeRecord(inboxItemSchema, item, `inbox item ${item.id}`),
    /** Of the plan's newest content, if the item brings it; else empty. */
    planHash: 'planHash' in item ? item.planHash : '',
  }
}
