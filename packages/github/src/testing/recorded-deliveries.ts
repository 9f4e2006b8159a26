import recorded from '@octokit/webhooks-examples' with { type: 'json' }

export type RecordedDelivery = { readonly event: string; readonly payload: Record<string, unknown> }

/** Every payload that GitHub's users recorded, some hundred of them, over all events. */
export function recordedDeliveries(event?: string): readonly RecordedDelivery[] {
  return (recorded as unknown as readonly { name: string; examples: readonly Record<string, unknown>[] }[])
    .filter(({ name }) => event === undefined || name === event)
    .flatMap(({ name, examples }) => examples.map((payload) => ({ event: name, payload: structuredClone(payload) })))
}
