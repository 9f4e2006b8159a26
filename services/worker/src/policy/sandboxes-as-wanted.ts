import type { SandboxDriver } from '@devbot/sandbox'
import type { RunRules } from './run-rules.ts'

/** The same driver, whose sandboxes are as the repository's policy wants them: image, side services, hosts. */
export function sandboxesAsWanted<Driver extends Pick<SandboxDriver, 'create' | 'prepare'>>(
  sandboxes: Driver,
  wanted: RunRules['sandbox'],
): Driver {
  return {
    ...sandboxes,
    prepare: (signal) => sandboxes.prepare(signal, wanted),
    create: (spec, signal) => sandboxes.create({ ...spec, ...wanted }, signal),
  }
}
