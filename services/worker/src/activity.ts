import type { ModelClient } from '@devbot/agent'
import type { TaskId } from '@devbot/contracts'
import type { ModelFor } from './model/create-models.ts'

/** What this worker has under way right now. */
export type Activity = {
  readonly taskBegan: (taskId: TaskId) => Disposable
  readonly modelCallBegan: () => Disposable
  readonly tasks: () => readonly TaskId[]
  readonly modelCalls: () => number
}

export function createActivity(): Activity {
  const tasks = new Set<{ readonly taskId: TaskId }>()
  const calls = new Set<object>()
  return {
    taskBegan: (taskId) => heldIn(tasks, { taskId }),
    modelCallBegan: () => heldIn(calls, {}),
    tasks: () => [...tasks].map(({ taskId }) => taskId),
    modelCalls: () => calls.size,
  }
}

function heldIn<Entry>(entries: Set<Entry>, entry: Entry): Disposable {
  entries.add(entry)
  return { [Symbol.dispose]: () => entries.delete(entry) }
}

/** The same models, whose calls count as under way until they have ended, well or not. */
export function countedModels(modelFor: ModelFor, activity: Pick<Activity, 'modelCallBegan'>): ModelFor {
  return (...chosen) => {
    const client = modelFor(...chosen)
    const ask: ModelClient['ask'] = async (request) => {
      using _call = activity.modelCallBegan()
      return await client.ask(request)
    }
    // Over the client, not a copy: the model of one with a fallback changes.
    return Object.assign(Object.create(client), { ask })
  }
}
