import type { WorkerDeps } from '@devbot/worker'
import type { CrashPoints } from './crash-points.ts'

/**
 * Methods that change nothing outside the process, or that a timer calls: no points of their own. Everything else is
 * one, so a port's new method is in the matrix without a word here.
 */
const NO_POINTS: Readonly<Record<string, readonly string[]>> = {
  ledger: [
    'heartbeat',
    'holdsLease',
    'snapshot',
    'planText',
    'spentToday',
    'spentOnTask',
    'dueTasks',
    'retire',
    'checkSafety',
    'close',
    'listTasks',
    'details',
    'events',
    'turns',
    'planTaskAt',
    'leftBehind',
    'checkpoint',
    'paused',
    'planTaskWithHash',
    'countTasks',
  ],
  github: [
    'login',
    'repository',
    'pullRequestsOfBranch',
    'pullRequest',
    'listPullRequests',
    'listFeedback',
    'permissionOf',
    'listOwnComments',
    'gitCredentials',
  ],
  store: [
    'knownHead',
    'remoteHead',
    'remoteBranches',
    'hasWholeTree',
    'exportDifference',
    'hasCommit',
    'treeOf',
    'commitMessage',
    'listTree',
    'readFile',
    'readFiles',
    'treeBytes',
    'exportTree',
    'isAncestor',
    'mergeBase',
    'diffSummary',
    'diffText',
    'recentSubjects',
  ],
  sandboxes: ['problem', 'areReady', 'areTried', 'reap', 'prepare'],
  sandbox: ['networkRefusals', 'readFile'],
  model: [],
}

type Store = Awaited<ReturnType<WorkerDeps['repositories']['open']>>['store']

/** The worker's ports with points around every call that changes something. Right for one task at a time. */
export function aroundWorker(deps: WorkerDeps, points: CrashPoints): WorkerDeps {
  const { ledger, repositories, sandboxes } = deps
  let epoch: number | undefined
  const withPoints = <T extends object>(port: string, target: T) => pointed(port, target, points, () => epoch)
  const around = withPoints('ledger', ledger)
  const pointedStore = (store: Store): Store =>
    replacing(withPoints('store', store), 'until', (signal) => pointedStore(store.until(signal)))
  return {
    ...deps,
    ledger: replacing(around, 'take', async (taskId, owner, leaseMs) => {
      const snapshot = await ledger.snapshot(taskId)
      epoch = undefined
      if (snapshot !== undefined) points.begin(snapshot.task.planPath)
      const taken = await around.take(taskId, owner, leaseMs)
      if (taken.kind === 'taken') epoch = taken.ownership.epoch
      return taken
    }),
    github: withPoints('github', deps.github),
    repositories: replacing(repositories, 'open', async (...args) => {
      const { facts, store } = await repositories.open(...args)
      return { facts, store: pointedStore(store) }
    }),
    sandboxes: replacing(sandboxes, 'create', async (spec, signal) => {
      const make = () => sandboxes.create(spec, signal)
      return withPoints('sandbox', await points.pass(`sandboxes.create.${spec.purpose}`, make, spec.epoch))
    }),
    modelFor: (...args) => withPoints('model', deps.modelFor(...args)),
  }
}

function replacing<T extends object, K extends keyof T>(target: T, name: K, method: T[K]): T {
  return new Proxy(target, { get: (object, key) => (key === name ? method : Reflect.get(object, key, object)) })
}

function pointed<T extends object>(
  port: string,
  target: T,
  points: CrashPoints,
  newestEpoch: () => number | undefined,
): T {
  return new Proxy(target, {
    get: (object, key) => {
      const method: unknown = Reflect.get(object, key, object)
      if (typeof method !== 'function' || NO_POINTS[port]?.includes(String(key))) return method
      const name = key === Symbol.asyncDispose ? 'dispose' : String(key)
      return (...args: unknown[]) => {
        const call = () => Reflect.apply(method, object, args) as unknown
        return points.pass(`${port}.${name}${aboutOf(name, args)}`, call, epochIn(args) ?? newestEpoch())
      }
    },
  })
}

/** The ledger is told with each write in whose name it is. */
function epochIn([first]: readonly unknown[]): number | undefined {
  return typeof first === 'object' && first !== null && 'epoch' in first ? Number(first.epoch) : undefined
}

/** What tells calls of one method apart, so that a point keeps its name when others come in between. */
function aboutOf(name: string, args: readonly unknown[]): string {
  const told = name === 'recordEvent' ? args[1] : name === 'appendTurn' ? args[2] : undefined
  return typeof told === 'object' && told !== null && 'kind' in told ? `.${String(told.kind)}` : ''
}
