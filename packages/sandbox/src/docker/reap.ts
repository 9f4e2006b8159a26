import { CONTAINER_LABELS, POD_ID_PATTERN } from '@devbot/contracts'
import type { DockerClient, LabelledThing } from './docker-client.ts'
import { messageOf } from './engine-error.ts'

/** Whose a pod is: the owner's lease on the task, with the epoch that was current when the pod was made. */
export type PodOwner = { readonly taskId: string; readonly runId: string; readonly epoch: number }

/** What another instance left stays a day longer: its operator may want to look, and may come back. */
const OTHERS_GRACE_MS = 86_400_000
/** A pod that is just being made may be seen in parts; its owner may have got its lease a moment after we asked. */
const YOUNG_MS = 10_000

/** Everything on the engine with the labels of one pod. */
export type FoundPod = {
  readonly podId: string
  readonly instance: string
  readonly owner: PodOwner
  readonly expiresAtMs: number
  readonly youngestAtMs: number
  readonly containerIds: readonly string[]
  readonly volumeNames: readonly string[]
}

export type ReapOptions = {
  readonly client: DockerClient
  readonly instance: string
  readonly isLive: (owner: PodOwner) => Promise<boolean>
  readonly now: () => number
  readonly onWarning: (message: string) => void
}

/** Removes pods that nobody owns any more. Returns how many; what could not be removed is told to `onWarning`. */
export async function reapPods(options: ReapOptions): Promise<number> {
  const { client, instance, isLive, now, onWarning } = options
  const pods = await findPods(client)
  let removed = 0
  for (const pod of pods) {
    try {
      const verdict = judge(pod, instance, now())
      if (verdict === 'keep' || (verdict === 'ask' && (await isLive(pod.owner)))) continue
      await removePod(client, pod)
      removed += 1
    } catch (error) {
      onWarning(`the sandbox ${pod.podId} could not be reaped: ${messageOf(error)}`)
    }
  }
  return removed
}

/** Every pod on the engine, of any instance. */
export async function findPods(client: DockerClient): Promise<readonly FoundPod[]> {
  // Volumes first: one that is seen belongs to a pod whose containers are then seen as well, or never came.
  const volumes = await client.listVolumes()
  return groupByPod(await client.listContainers(), volumes)
}

/** Pure: whether a pod stays, goes, or its owner has to be asked. */
export function judge(pod: FoundPod, instance: string, nowMs: number): 'keep' | 'remove' | 'ask' {
  if (pod.instance !== instance) return nowMs > pod.expiresAtMs + OTHERS_GRACE_MS ? 'remove' : 'keep'
  if (nowMs > pod.expiresAtMs) return 'remove'
  return nowMs < pod.youngestAtMs + YOUNG_MS ? 'keep' : 'ask'
}

async function removePod(client: DockerClient, pod: FoundPod): Promise<void> {
  const removals = await Promise.allSettled(pod.containerIds.map((id) => client.removeContainer(id)))
  // A volume goes only when nothing uses it any more.
  const failed = removals.find((removal) => removal.status === 'rejected')
  if (failed) throw failed.reason
  for (const name of pod.volumeNames) await client.removeVolume(name)
}

/** Things whose labels are not complete are nobody's pod, and stay. */
export function groupByPod(
  containers: readonly LabelledThing[],
  volumes: readonly LabelledThing[],
): readonly FoundPod[] {
  const pods = new Map<string, FoundPod>()
  const add = (thing: LabelledThing, ids: Pick<FoundPod, 'containerIds' | 'volumeNames'>) => {
    const found = podOf(thing)
    if (!found) return
    const key = `${found.instance} ${found.podId}`
    const known = pods.get(key) ?? found
    pods.set(key, {
      ...known,
      youngestAtMs: Math.max(known.youngestAtMs, found.youngestAtMs),
      containerIds: [...known.containerIds, ...ids.containerIds],
      volumeNames: [...known.volumeNames, ...ids.volumeNames],
    })
  }
  for (const container of containers) add(container, { containerIds: [container.id], volumeNames: [] })
  for (const volume of volumes) add(volume, { containerIds: [], volumeNames: [volume.id] })
  return [...pods.values()]
}

function podOf({ labels, createdAtMs }: LabelledThing): FoundPod | undefined {
  const instance = labels[CONTAINER_LABELS.instance]
  const podId = labels[CONTAINER_LABELS.pod]
  const taskId = labels[CONTAINER_LABELS.task]
  const runId = labels[CONTAINER_LABELS.run]
  const epoch = Number(labels[CONTAINER_LABELS.epoch] || Number.NaN)
  const expiresAtMs = Number(labels[CONTAINER_LABELS.expires] || Number.NaN)
  if (instance === undefined || podId === undefined || !POD_ID_PATTERN.test(podId)) return undefined
  if (taskId === undefined || runId === undefined) return undefined
  if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(expiresAtMs)) return undefined
  return {
    podId,
    instance,
    owner: { taskId, runId, epoch },
    expiresAtMs,
    youngestAtMs: createdAtMs,
    containerIds: [],
    volumeNames: [],
  }
}
