import { CONTAINER_LABELS } from '@devbot/contracts'

/** Whose a container or volume is, and which part of which pod. */
export type PodPart = {
  readonly instance: string
  readonly podId: string
} & (
  | { readonly role: 'anchor' | 'sandbox' | 'workspace' }
  /** `service`: what the policy calls it. */
  | { readonly role: 'service'; readonly service: string }
)

const partName =
  /^devbot-(?<instance>[a-z0-9][a-z0-9_-]{0,39})-(?<podId>[0-9a-f]{24})-(?:(?<role>anchor|sandbox|workspace)|service-(?<service>[a-z][a-z0-9-]{0,30}))$/

/** What a name says: `devbot-<instance>-<pod id>-<role>`, for a service `service-<its name>`. Nothing for every other name. */
export function parsePartName(name: string): PodPart | undefined {
  const { instance, podId, role, service } = partName.exec(name)?.groups ?? {}
  if (instance === undefined || podId === undefined) return undefined
  if (service !== undefined) return { instance, podId, role: 'service', service }
  if (role !== 'anchor' && role !== 'sandbox' && role !== 'workspace') return undefined
  return { instance, podId, role }
}

export type Labels = Readonly<Record<string, string>>

/**
 * The part that a thing on the engine is, where its name and its labels say the same. Labels alone would not do: a
 * container also gets those of its image.
 */
export function partOf(name: string, labels: Labels): PodPart | undefined {
  const part = parsePartName(name)
  if (part === undefined) return undefined
  const agrees =
    labels[CONTAINER_LABELS.instance] === part.instance &&
    labels[CONTAINER_LABELS.pod] === part.podId &&
    labels[CONTAINER_LABELS.role] === part.role &&
    (part.role !== 'service' || labels[CONTAINER_LABELS.service] === part.service)
  return agrees ? part : undefined
}

const DAY_MS = 24 * 60 * 60 * 1000

/** Another instance's leftovers may be removed a day after nothing may use them any more. */
export function isLongExpired(labels: Labels, nowMs: number): boolean {
  const expires = labels[CONTAINER_LABELS.expires] ?? ''
  return /^\d{13}$/.test(expires) && Number(expires) + DAY_MS < nowMs
}
