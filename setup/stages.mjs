import { Interrupted, SetupProblem } from './problem.mjs'
import { lastLines } from './run.mjs'

/** What comes over a network is tried this often: a mirror or registry that stumbles once is no reason to go without. */
export const OVER_THE_NETWORK = { attempts: 3 }

/**
 * Says what is being done, one line per stage, and remembers how long each took. Nothing is said of a stage that is
 * only a look: `note` and `stage` are called where something is really done.
 */
export function createStages(write = (text) => process.stdout.write(text)) {
  const startedAtMs = performance.now()
  const times = []
  return {
    /** One line of information. */
    note: (text) => write(`setup: ${text}\n`),
    /**
     * Runs `work` under a name; its time is part of the summary.
     * @template T
     * @param {string} name one or two words, for the summary
     * @param {string} text what is being done and how long it may take
     * @param {() => Promise<T>} work starts over when it is called again
     * @param {{ attempts?: number }} options how often it is tried, when it fails with a SetupProblem
     * @returns {Promise<T>}
     */
    async stage(name, text, work, { attempts = 1 } = {}) {
      write(`setup: ${text}\n`)
      const stageStartedAtMs = performance.now()
      try {
        for (let left = attempts - 1; ; left -= 1) {
          try {
            return await work()
          } catch (error) {
            if (left <= 0 || !(error instanceof SetupProblem) || error instanceof Interrupted) throw error
            write(`setup: ${name} failed, trying again: ${lastLines(error.message, 3)}\n`)
          }
        }
      } finally {
        times.push({ name, seconds: (performance.now() - stageStartedAtMs) / 1000 })
      }
    },
    /** The times, if anything was done. Stages that ran side by side overlap. */
    summarise() {
      if (times.length === 0) return
      const parts = times.map(({ name, seconds }) => `${name} ${seconds.toFixed(1)}`)
      write(`setup: ready after ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s (${parts.join(', ')})\n`)
    },
  }
}
